/**
 * WebSockets over raced connections.
 *
 * Node's own `WebSocket` cannot be told how to connect; that of the package
 * `ws` can. Its handshake and its frames are its own; only the socket beneath
 * them is opened by a race, TLS included.
 *
 * @since 0.1.0
 */
import { WebSocket } from "@effect/platform-node-shared/NodeWS"
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as NodeLazySocket from "./NodeLazySocket.ts"

/**
 * Options of the connections, and of `ws`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Of the race. `tls` says how to speak TLS to a `wss:` address; others are never spoken to in TLS. */
  readonly connect?: ConnectOptions | undefined
  /** Of `ws`, such as `maxPayload`. */
  readonly client?: WebSocket.ClientOptions | undefined
}

/**
 * Opens the connection of one handshake, as `ws` asks for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CreateConnection {
  (wanted: unknown): NodeLazySocket.LazySocket
}

/**
 * Gives the option `createConnection` of a client of `ws`.
 *
 * **Details**
 *
 * A WebSocket that is closed before it is open ends its race. The connections
 * belong to the scope of the call.
 *
 * **Example** (Opening a WebSocket of `ws`)
 *
 * ```ts
 * import { HappyEyeballsLive } from "@happy-eyeballs/node"
 * import * as NodeWebSocket from "@happy-eyeballs/node/NodeWebSocket"
 * import { Effect } from "effect"
 * import { WebSocket } from "ws"
 *
 * const program = Effect.gen(function*() {
 *   const createConnection = yield* NodeWebSocket.createConnection()
 *   return new WebSocket("wss://socket.example/", { createConnection })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const createConnection = (
  options: ConnectOptions = {}
): Effect.Effect<CreateConnection, never, HappyEyeballs | Scope.Scope> =>
  Effect.map(NodeLazySocket.factory, (open) => (wanted) => {
    const { defaultPort, host, port, socketPath } = wanted as Wanted
    const target = socketPath === undefined ? { host: host ?? "localhost", port: Number(port) } : { path: socketPath }
    // All that `ws` says of the protocol, and it says it anew after a redirect.
    return open(target, { ...options, tls: defaultPort === 443 ? options.tls || true : false })
  })

interface Wanted {
  readonly defaultPort: number
  readonly host?: string | undefined
  readonly port?: number | string | undefined
  /** Of a `ws+unix:` address. */
  readonly socketPath?: string | undefined
}

/**
 * Layer with the constructor of Effect's WebSockets.
 *
 * **Example** (Talking over a WebSocket)
 *
 * ```ts
 * import { HappyEyeballsLive } from "@happy-eyeballs/node"
 * import * as NodeWebSocket from "@happy-eyeballs/node/NodeWebSocket"
 * import { Effect, Layer } from "effect"
 * import { Socket } from "effect/socket"
 *
 * const say = Effect.gen(function*() {
 *   const socket = yield* Socket.makeWebSocket("wss://socket.example/")
 *   const { pull } = yield* socket.reader
 *   const { write } = yield* socket.writer
 *   yield* write("hello")
 *   return yield* pull
 * })
 *
 * const program = say.pipe(
 *   Effect.scoped,
 *   Effect.provide(NodeWebSocket.layer.pipe(Layer.provide(HappyEyeballsLive)))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Socket.WebSocketConstructor, never, HappyEyeballs> = Layer.suspend(() =>
  layerOptions({})
)

/**
 * Layer with the constructor of Effect's WebSockets, with options.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOptions = (
  { client, connect }: Options
): Layer.Layer<Socket.WebSocketConstructor, never, HappyEyeballs> =>
  Layer.effect(
    Socket.WebSocketConstructor,
    Effect.map(createConnection(connect), (createConnection) => (url, options) => {
      const { headers, protocols } = typeof options === "object" && !Array.isArray(options)
        ? options
        : { protocols: options, headers: undefined }
      return new WebSocket(url, protocols, {
        ...client,
        createConnection,
        headers: { ...client?.headers, ...headers }
      })
    })
  )
