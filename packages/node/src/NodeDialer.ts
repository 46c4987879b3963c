/**
 * Opens endpoints with `node:net` and `node:tls`.
 *
 * One dial is one socket to one address: Node's own `autoSelectFamily` is off,
 * and no name is ever looked up here. With TLS, success is the finished
 * handshake. `NodeHappyEyeballs` puts this dialer under the race.
 *
 * @since 0.1.0
 */
import * as NodeSocket from "@effect/platform-node-shared/NodeSocket"
import { type Dialed, Dialer, type DialFailed, OnSecuring } from "@happy-eyeballs/core/Dialer"
import type * as Endpoint from "@happy-eyeballs/core/Endpoint"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Failure from "./internal/failure.ts"
import { scopeIds } from "./NodeScopeIds.ts"

/**
 * Options of the sockets that a dialer opens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Send small writes at once (`TCP_NODELAY`). Default: yes. */
  readonly noDelay?: boolean | undefined
  /** Let the system probe idle connections (`SO_KEEPALIVE`). Default: no. */
  readonly keepAlive?: boolean | undefined
  /** How long a connection is idle before the first probe. Default 0: the system's own setting. */
  readonly keepAliveInitialDelay?: Duration.Input | undefined
  /**
   * The address to connect from. Default: the system chooses. Endpoints of the
   * other family are then unreachable.
   */
  readonly localAddress?: string | undefined
}

/**
 * What this dialer hands over: `native` is Node's own socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeDialed extends Dialed {
  readonly native: Net.Socket | Tls.TLSSocket
}

/**
 * Makes a dialer.
 *
 * **Details**
 *
 * A dial that fails or is interrupted has destroyed its socket by then. The
 * socket of one that succeeds is closed with the scope. Where nothing was
 * written, or the scope did not end well, that is at once; otherwise this side
 * ends, and the peer has a second to take what was written and to end too. What
 * it says meanwhile is dropped.
 *
 * **Gotchas**
 *
 * The native socket is not being read yet: bytes that arrive wait until it is
 * resumed, gets a `data` listener or a pipe, or its `socket` is read. A
 * TLS context is made once for each `tls` object and kept as long as it, so
 * changing one afterwards has no effect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): {
  readonly dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<NodeDialed, DialFailed, Scope.Scope>
} => {
  const open = opener(options)
  return {
    dial: (endpoint) =>
      Effect.withFiber((fiber) => {
        const outer = Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
        // A scope of its own, so that a connection which ends by itself leaves nothing in a scope that lives on.
        const scope = Scope.forkUnsafe(outer)
        let socket: Net.Socket | undefined
        let state: "opening" | "won" | "lost" = "opening"
        const release = (exit: Exit.Exit<unknown, unknown>) =>
          socket === undefined
            ? Effect.void
            : state === "won" && Exit.isSuccess(exit)
            ? finish(socket)
            : destroy(socket)
        const connecting = Effect.callback<NodeDialed, DialFailed>((resume) => {
          if (scope.state._tag === "Closed") return resume(Effect.interrupt)
          const abandon = () => {
            state = "lost"
            socket?.destroy()
            Scope.closeUnsafe(scope, Exit.void)
          }
          const fail = (cause: unknown) => {
            if (state !== "opening") return
            abandon()
            resume(Effect.fail(Failure.fromCause(endpoint, cause)))
          }
          try {
            socket = open(endpoint)
          } catch (cause) {
            return fail(cause)
          }
          const opened = socket
          // For life: after the win an error is told to whoever reads, and must not end the process when nobody does.
          opened.on("error", fail)
          opened.once("close", () => {
            if (state === "opening") fail(new Error("the connection was closed while it was being opened"))
            Scope.closeUnsafe(scope, Exit.void)
          })
          const securing = endpoint.tls === undefined ? undefined : fiber.getRef(OnSecuring)
          if (securing !== undefined) opened.once("connect", securing)
          opened.once(endpoint.tls === undefined ? "connect" : "secureConnect", () => {
            state = "won"
            // Not reading, but ready to: `pause` alone would make a `data` listener wait for a `resume` as well.
            Object.assign(opened, { readableFlowing: null })
            resume(Effect.succeed(dialed(endpoint, opened, scope)))
          })
          return Effect.sync(abandon)
        })
        return Effect.flatMap(Scope.addFinalizerExit(scope, release), () => connecting)
      })
  }
}

/**
 * Layer that opens endpoints with Node's sockets.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Dialer> = Layer.sync(Dialer, () => Dialer.of(make()))

/**
 * Layer that opens endpoints with Node's sockets and these options.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOptions = (options: Options): Layer.Layer<Dialer> =>
  Layer.sync(Dialer, () => Dialer.of(make(options)))

const opener = (options: Options): (endpoint: Endpoint.Endpoint) => Net.Socket => {
  const { localAddress } = options
  const noDelay = options.noDelay ?? true
  const keepAlive = options.keepAlive ?? false
  const keepAliveInitialDelay = options.keepAliveInitialDelay === undefined
    ? 0
    : Duration.toMillis(options.keepAliveInitialDelay)
  const openTls = tlsOpener((socket) => {
    socket.setNoDelay(noDelay)
    if (keepAlive) socket.once("connect", () => socket.setKeepAlive(true, keepAliveInitialDelay))
  })
  return (endpoint) => {
    const { address } = endpoint
    // There is nothing for Node to select among where it gets an address. That it must not is said all the same.
    const place: Net.NetConnectOpts = NetAddress.isUnixPathAddress(address)
      ? { path: address.path }
      : {
        host: nativeHost(address),
        port: address.port,
        localAddress,
        autoSelectFamily: false
      } as Net.TcpNetConnectOpts
    const socket = endpoint.tls === undefined
      ? Net.connect({ ...place, noDelay, keepAlive, keepAliveInitialDelay })
      : openTls(endpoint, endpoint.tls, place)
    return socket.pause()
  }
}

// libuv takes a zone by its name; only Windows takes it by number.
const nativeHost = (address: NetAddress.InetAddress): string =>
  NetAddress.isInetAddressV6(address) && address.scopeId !== 0
    ? NetAddress.formatNativeHost(address, scopeIds(), process.platform)
    : NetAddress.formatHost(address)

const tlsOpener = (prepare: (socket: Tls.TLSSocket) => void) => {
  const checked = new WeakMap<Endpoint.TlsOptions, Tls.ConnectionOptions>()
  return (endpoint: Endpoint.Endpoint, tls: Endpoint.TlsOptions, place: Net.NetConnectOpts): Tls.TLSSocket => {
    let options = checked.get(tls)
    if (options === undefined) {
      options = checkTls(tls)
      checked.set(tls, options)
    }
    const socket = Tls.connect({
      ...options,
      ...identity(endpoint, options),
      // A path beside a host would win, and a socket would win over both.
      path: undefined,
      socket: undefined,
      ...place
    } as Tls.ConnectionOptions)
    prepare(socket)
    return socket
  }
}

// What `tls.connect` finds out only when it has begun to connect: it throws, and nobody has the socket.
const checkTls = (tls: Endpoint.TlsOptions): Tls.ConnectionOptions => {
  const given: Tls.ConnectionOptions = Object.fromEntries(
    Object.entries(tls).filter(([, value]) => value !== undefined)
  )
  const { checkServerIdentity: check, servername, session } = given
  if (servername !== undefined && typeof servername !== "string") {
    throw new TypeError("the option servername must be a string")
  }
  if (session !== undefined && !ArrayBuffer.isView(session)) {
    throw new TypeError("the option session must be a buffer")
  }
  if (check !== undefined && typeof check !== "function") {
    throw new TypeError("the option checkServerIdentity must be a function")
  }
  // A fifth of a millisecond, and more where there are certificates to parse: made once.
  const secureContext = given.secureContext ?? Tls.createSecureContext(given)
  return { ...given, secureContext, ...(check === undefined ? {} : { checkServerIdentity: returning(check) }) }
}

// It is called from an event, where what it throws would end the process.
const returning = (check: NonNullable<Tls.ConnectionOptions["checkServerIdentity"]>) =>
  ((name, certificate) => {
    try {
      return check(name, certificate)
    } catch (cause) {
      return cause instanceof Error ? cause : new Error(String(cause))
    }
  }) satisfies Tls.ConnectionOptions["checkServerIdentity"]

// RFC 6066, section 3: a literal address is never sent as server name. It is what the certificate must then carry,
// without its zone, which means nothing to anyone else.
const identity = (endpoint: Endpoint.Endpoint, options: Tls.ConnectionOptions): Tls.ConnectionOptions => {
  const { address, host } = endpoint
  const name = options.servername || host?.replace(/\.$/, "") ||
    (NetAddress.isUnixPathAddress(address) ? undefined : NetAddress.formatIp(address.address))
  if (name === undefined) return {}
  const servername = options.servername === "" || Net.isIP(name) !== 0 ? "" : name
  if (servername === name) return { servername }
  const check = options.checkServerIdentity ?? Tls.checkServerIdentity
  return { servername, checkServerIdentity: (_, certificate) => check(name, certificate) }
}

const dialed = (endpoint: Endpoint.Endpoint, native: Net.Socket, scope: Scope.Closeable): NodeDialed => {
  let socket: Socket.Socket | undefined
  return {
    endpoint,
    // Made when it is asked for: whoever takes the native socket saves a tenth of the time of a connect on loopback.
    get socket() {
      return socket ??= Effect.runSync(NodeSocket.fromDuplex(takeOnce(native, scope)))
    },
    native,
    onClose: (listener) => {
      if (native.closed) listener()
      else native.once("close", listener)
    }
  }
}

const destroy = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.sync(() => {
    socket.destroy()
  })

// How long a peer may take to hear what was written, and to hang up, when the scope of a connection ends.
const patience = Duration.seconds(1)

// RFC 2525, section 2.17: a socket that is closed with bytes unread, or that gets some later, answers with a reset, and
// the kernel drops what it still had to send. So whoever has written says that this was all, and then hears the peer
// out. TLS has something to say even where nothing was written: its close_notify (RFC 8446, section 6.1).
const finish = (socket: Net.Socket): Effect.Effect<void> => {
  const isSilent = socket.bytesWritten === 0
  return socket.destroyed || (isSilent && (!(socket instanceof Tls.TLSSocket) || socket.writableFinished))
    ? destroy(socket)
    : Effect.callback<void>((resume) => {
      const done = () => resume(Effect.void)
      socket.once("close", done)
      if (isSilent) socket.destroySoon()
      else socket.unpipe().resume().end()
      return Effect.sync(() => {
        socket.off("close", done)
      })
    }).pipe(
      Effect.timeoutOption(patience),
      Effect.andThen(destroy(socket))
    )
}

const socketError = (reason: Socket.SocketErrorReason) => Effect.fail(new Socket.SocketError({ reason }))

const takeOnce = (
  socket: Net.Socket,
  scope: Scope.Closeable
): Effect.Effect<Net.Socket, Socket.SocketError, Scope.Scope> => {
  let taken = false
  return Effect.suspend(() => {
    if (taken) {
      const cause = new Error("the reader of this connection was acquired before: connect again for another")
      return socketError(new Socket.SocketOpenError({ kind: "Unknown", cause }))
    }
    taken = true
    // What ended already will say so to nobody who comes later.
    if (socket.errored) return socketError(new Socket.SocketReadError({ cause: socket.errored }))
    if (socket.destroyed) return socketError(new Socket.SocketCloseError({ code: 1006 }))
    return Effect.as(Effect.addFinalizer((exit) => Scope.close(scope, exit)), socket)
  })
}
