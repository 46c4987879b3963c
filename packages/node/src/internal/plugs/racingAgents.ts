/**
 * `http.Agent` and `https.Agent` that open their connections by a race.
 *
 * Node lets an agent open a connection in its own time, but counts a connection
 * only when it is there, and forgets a queued request whose connection failed.
 * While a race runs, a socket that is never connected stands in for the
 * connection to come, so that limits hold and `destroy` finds it.
 */
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { TlsOptions } from "@happy-eyeballs/core/Endpoint"
import type { TargetInput } from "@happy-eyeballs/core/Target"
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { Duplex } from "node:stream"
import { NodeError } from "../../NodeError.ts"
import type { Connects } from "./connects.ts"
import { Sessions } from "./sessions.ts"

export interface Agents {
  readonly http: Http.Agent
  readonly https: Https.Agent
}

interface Asker extends Http.ClientRequest {
  readonly timeout?: number
}

/** What a request and its agent say of the connection that they want. */
type Wanted = Https.RequestOptions & {
  readonly [asker]?: Asker
  readonly _agentKey?: string
  readonly keepAlive?: boolean
  readonly keepAliveInitialDelay?: number
  readonly noDelay?: boolean
  readonly proxyEnv?: unknown
  readonly session?: Buffer
  readonly socket?: Net.Socket
}

type Created = (error: Error | null, socket: Duplex) => void

const asker = Symbol("asker")

/** What an agent has beyond its types. */
interface Pool extends Http.Agent {
  readonly sockets: NodeJS.Dict<Array<Net.Socket>>
  readonly requests: NodeJS.Dict<Array<Http.IncomingMessage>>
  readonly options: Https.AgentOptions & { readonly proxyEnv?: unknown }
  totalSocketCount: number
  createSocket(request: Asker, options: Wanted, created: Created): void
  removeSocket(socket: Net.Socket, options: Wanted): void
}

type PoolClass = new(options?: Https.AgentOptions) => Pool

/**
 * Makes both agents. Their classes belong to them, because Node makes another
 * of the class of its global agent, without options, for whoever wants none.
 */
export const make = (connects: Connects, race: ConnectOptions, options: Https.AgentOptions): Agents => {
  const racing = (Base: PoolClass, isTls: boolean) =>
    class RacingAgent extends Base {
      readonly #sessions = new Sessions(this.options.maxCachedSessions)

      override createSocket(request: Asker, wanted: Wanted, created: Created): void {
        super.createSocket(request, { ...wanted, [asker]: request }, created)
      }

      override createConnection(wanted: Wanted, created?: Created): Duplex | null | undefined {
        // Through a proxy, or over a socket that is there already, there is nothing to race; and who does not say what
        // to call wants a socket at once.
        if (created === undefined || wanted.socket != null || this.options.proxyEnv !== undefined) {
          return super.createConnection(wanted, created)
        }
        open(this, connects, race, wanted, isTls ? this.#sessions : undefined, created)
        return undefined
      }
    }
  const HttpAgent = racing(Http.Agent as unknown as PoolClass, false)
  const HttpsAgent = racing(Https.Agent as unknown as PoolClass, true)
  return { http: new HttpAgent(options), https: new HttpsAgent(options) as Pool & Https.Agent }
}

const open = (
  pool: Pool,
  connects: Connects,
  race: ConnectOptions,
  wanted: Wanted,
  sessions: Sessions | undefined,
  created: Created
): void => {
  const request = wanted[asker]
  const key = perRequestCheck(wanted) === undefined ? wanted._agentKey : undefined
  const standIn = addStandIn(pool, wanted._agentKey)
  let waiting = true

  const settle = (error: Error | null, socket?: Net.Socket): void => {
    if (!waiting) return
    waiting = false
    clearTimeout(timer)
    unwatch()
    standIn.remove()
    if (error === null) return created(null, socket!)
    created(error, undefined as unknown as Duplex)
    // Node leaves a request that waited for this connection in its queue, where it would hold up those behind it.
    if (request !== undefined) removeFrom(pool.requests, wanted._agentKey, request)
    pool.removeSocket(standIn.socket, wanted)
  }

  const stop = connects({
    host: wanted.host ?? "localhost",
    target: targetOf(wanted, pool),
    options: {
      ...race,
      ...wanted.family === 4 || wanted.family === 6 ? { family: `IPv${wanted.family}` as const } : {},
      tls: sessions !== undefined && tlsOf(wanted, key === undefined ? undefined : sessions.get(key))
    },
    localAddress: wanted.localAddress
  }, (error, socket) => {
    if (error !== null) {
      if (key !== undefined) sessions?.forget(key)
      return settle(error)
    }
    // Destroyed, and its event still on the way.
    if (standIn.socket.destroyed) return void socket.destroy()
    if (key !== undefined) sessions?.learn(key, socket)
    settle(null, prepare(socket, wanted))
  })

  const end = (error?: Error): void => {
    stop()
    settle(error ?? new NodeError("socket hang up", { code: "ECONNRESET" }))
  }
  standIn.socket.once("close", () => end())
  const unwatch = onDestroy(request, end)
  // As a socket does that has been connecting for so long.
  const timer = request?.timeout ? setTimeout(() => request.emit("timeout"), request.timeout).unref() : undefined
}

/** Puts something among the sockets of a pool that can be counted and destroyed. */
const addStandIn = (pool: Pool, name: string | undefined) => {
  const socket = new Net.Socket()
  if (name === undefined) return { socket, remove: () => {} }
  ;(pool.sockets[name] ??= []).push(socket)
  pool.totalSocketCount++
  return {
    socket,
    remove: () => {
      removeFrom(pool.sockets, name, socket)
      pool.totalSocketCount--
    }
  }
}

const removeFrom = (lists: NodeJS.Dict<Array<unknown>>, name: string | undefined, item: unknown): void => {
  const list = name === undefined ? undefined : lists[name]
  const index = list === undefined ? -1 : list.indexOf(item)
  if (index === -1) return
  list!.splice(index, 1)
  if (list!.length === 0) delete lists[name!]
}

/** Calls the listener when a request is destroyed that has no socket yet, of which Node tells nobody. */
const onDestroy = (request: Http.ClientRequest | undefined, listener: (error?: Error) => void): () => void => {
  if (request === undefined) return () => {}
  const { destroy } = request
  const watched: typeof destroy = (error) => {
    destroy.call(request, error)
    listener(error)
    return request
  }
  request.destroy = watched
  return () => {
    if (request.destroy === watched) request.destroy = destroy
  }
}

const targetOf = (wanted: Wanted, pool: Pool): TargetInput | Effect.Effect<TargetInput, Error> => {
  const { lookup, socketPath } = wanted
  const host = wanted.host ?? "localhost"
  const port = Number(wanted.port ?? (pool as { readonly defaultPort?: number }).defaultPort)
  if (socketPath) return { path: socketPath }
  if (lookup === undefined || Net.isIP(host) !== 0) return { host, port }
  // Whoever brings a lookup of their own wants its addresses to be the only ones.
  return Effect.callback((resume) => {
    lookup(host, { all: true, family: wanted.family ?? 0, hints: wanted.hints ?? 0 }, (error, found) => {
      if (error) return resume(Effect.fail(error))
      const addresses = typeof found === "string" ? [found] : found.map(({ address }) => address)
      resume(Effect.succeed({ addresses, port }))
    })
  })
}

const tlsOf = (wanted: Wanted, session: Buffer | undefined): TlsOptions => {
  const given = Object.entries(wanted).filter(([, value]) => value !== null)
  return { session, ...Object.fromEntries(given) }
}

/** Does to a socket what the system's own connect would have been told to do. */
const prepare = (socket: Net.Socket, wanted: Wanted): Net.Socket => {
  if (wanted.noDelay === false) socket.setNoDelay(false)
  if (wanted.keepAlive === true) socket.setKeepAlive(true, wanted.keepAliveInitialDelay)
  if (wanted.timeout) socket.setTimeout(wanted.timeout)
  const check = perRequestCheck(wanted)
  if (check !== undefined) Object.assign(socket, { [check]: true })
  return socket
}

// With its own check of the certificate, a request shares neither its connection nor its session; Node says so by a
// symbol that it keeps to itself.
const perRequestCheck = (wanted: Wanted): symbol | undefined =>
  Object.getOwnPropertySymbols(wanted).find(({ description }) => description === "per-request checkServerIdentity")
