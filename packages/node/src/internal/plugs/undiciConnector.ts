/**
 * What undici calls to open a connection, over the race. It imports no undici:
 * the one inside Node and any other call it alike.
 */
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { TlsOptions } from "@happy-eyeballs/core/Endpoint"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { TargetInput } from "@happy-eyeballs/core/Target"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { NodeError } from "../../NodeError.ts"
import * as Connects from "./connects.ts"
import { Sessions } from "./sessions.ts"
import type { WaitingRequests } from "./waitingRequests.ts"

export interface Options {
  /** The race's own options, such as its delays and times. */
  readonly race?: ConnectOptions | undefined
  /** How to speak TLS with `https:`, as `tls.connect` takes it: `ca`, `cert`, and so on. */
  readonly tls?: TlsOptions | undefined
  /**
   * Whether the handshake is part of the race, so that an address whose
   * certificate is wrong is passed over. Default: yes. Without, undici speaks
   * TLS over the winner; Node's own undici cannot be asked to.
   */
  readonly tlsInRace?: boolean | undefined
  /** Offer HTTP/2 with TLS. Default: as that version of undici does, from version 8 on. */
  readonly allowH2?: boolean | undefined
  /** Offer HTTP/2 before HTTP/1.1. Default: after it. */
  readonly preferH2?: boolean | undefined
  /** How many TLS sessions are remembered to resume. Default 100; 0 is none. */
  readonly maxCachedSessions?: number | undefined
  /** Let the system probe idle connections (`SO_KEEPALIVE`). Default: yes. */
  readonly keepAlive?: boolean | undefined
  /** How long a connection is idle before the first probe. Default 60 s. */
  readonly keepAliveInitialDelay?: Duration.Input | undefined
}

/** What undici says of the connection that it wants. */
export interface Params {
  readonly hostname: string
  readonly host?: string | undefined
  readonly protocol: string
  readonly port: string
  readonly servername?: string | null | undefined
  readonly localAddress?: string | null | undefined
  readonly socketPath?: string | null | undefined
  readonly httpSocket?: Net.Socket | undefined
  /** Absent where this undici does not say. */
  readonly allowH2?: boolean | undefined
}

export type Callback = (...result: [error: null, socket: Net.Socket] | [error: Error, socket: null]) => void

export type Connector = (params: Params, callback: Callback) => void

/** undici's own `buildConnector`, which speaks TLS over `httpSocket`. */
export type BuildConnector = (options: Readonly<Record<string, unknown>>) => Connector

/**
 * Makes a connector.
 *
 * `allowH2` is what holds where neither undici nor the options say anything.
 * Races end of which `waiting` says that no request needs them.
 */
export const make = Effect.fnUntraced(function*(
  options: Options,
  undici: { readonly allowH2: boolean; readonly buildConnector?: BuildConnector | undefined },
  waiting: WaitingRequests | undefined
): Effect.fn.Return<Connector, never, HappyEyeballs | Scope.Scope> {
  const connects = yield* Connects.make
  const sessions = new Sessions(options.maxCachedSessions)
  const keepAliveInitialDelay = Duration.toMillis(options.keepAliveInitialDelay ?? "60 seconds")
  const { keepAlive, maxCachedSessions, preferH2 = false, race, tls } = options

  const secures = new Map<boolean, Connector | undefined>()
  const secureWith = (allowH2: boolean): Connector | undefined => {
    if (!secures.has(allowH2)) {
      const own = { allowH2, preferH2, maxCachedSessions, keepAlive, keepAliveInitialDelay }
      secures.set(allowH2, undici.buildConnector?.({ ...tls, ...own }))
    }
    return secures.get(allowH2)
  }

  return (params, callback) => {
    const isTls = params.protocol === "https:"
    const allowH2 = params.allowH2 ?? options.allowH2 ?? undici.allowH2
    const isTunnel = params.httpSocket !== undefined
    const secure = isTls && (isTunnel || options.tlsInRace === false) ? secureWith(allowH2) : undefined
    if (isTunnel && secure !== undefined) return secure(params, callback)
    const servername = params.servername || tls?.servername || serverName(params)
    const key = servername ?? params.hostname
    const request = {
      host: params.hostname,
      target: targetOf(params),
      options: {
        ...race,
        tls: isTls && secure === undefined &&
          { session: sessions.get(key), ...tls, servername, ALPNProtocols: protocols(allowH2, preferH2) }
      },
      localAddress: params.localAddress ?? undefined
    }
    const ended = waiting?.begin(originOf(params), () => {
      stop()
      callback(abandoned(params), null)
    })
    const stop = connects(request, (error, socket) => {
      ended?.()
      if (error !== null) {
        sessions.forget(key)
        return callback(error, null)
      }
      if (secure !== undefined) return secure({ ...params, httpSocket: socket }, callback)
      if (isTls) sessions.learn(key, socket)
      callback(null, keepAlive === false ? socket : socket.setKeepAlive(true, keepAliveInitialDelay))
    })
  }
})

/**
 * Makes the connector of an agent of undici 8, whose `connectTimeout` is the
 * time for the race; 0 is none.
 */
export const makeForAgent = (
  { connect: options = {}, connectTimeout }: {
    readonly connect?: Options | undefined
    readonly connectTimeout?: number | undefined
  },
  buildConnector: (options: object) => unknown,
  waiting?: WaitingRequests
): Effect.Effect<Connector, never, HappyEyeballs | Scope.Scope> => {
  const timeout = connectTimeout === 0 ? Infinity : connectTimeout
  return make(
    { ...options, race: { timeout, ...options.race } },
    { allowH2: true, buildConnector: (own) => buildConnector(own) as Connector },
    waiting
  )
}

const protocols = (allowH2: boolean, preferH2: boolean): ReadonlyArray<string> => {
  if (!allowH2) return ["http/1.1"]
  return preferH2 ? ["h2", "http/1.1"] : ["http/1.1", "h2"]
}

const originOf = ({ hostname, port, protocol }: Params): string =>
  `${protocol}//${Net.isIPv6(hostname) ? `[${hostname}]` : hostname}:${port}`

const abandoned = ({ hostname }: Params): NodeError =>
  new NodeError(`could not connect to ${hostname}: every request that waited for it was aborted`, {
    code: "ABORT_ERR",
    syscall: "connect",
    hostname
  })

const targetOf = ({ hostname, port, protocol, socketPath }: Params): TargetInput =>
  socketPath
    ? { path: socketPath }
    : { host: hostname, port: Number(port) || (protocol === "https:" ? 443 : 80) }

// The name in the Host header is the one that the certificate must carry; an address is never sent as one.
const serverName = ({ host, hostname }: Params): string | undefined => {
  const name = (host ?? hostname).replace(/:\d*$/, "")
  return Net.isIP(name) !== 0 || name.startsWith("[") ? undefined : name
}
