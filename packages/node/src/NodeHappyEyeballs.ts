/**
 * The racer on Node: its layers put together, and its plugs for Effect sockets.
 *
 * `connect` gives Node's own socket; `makeSocket` gives an Effect socket that
 * races anew whenever it is opened. What happens in between is `Connect`'s
 * story.
 *
 * @since 0.1.0
 */
import * as NodeSocket from "@effect/platform-node-shared/NodeSocket"
import type { ConnectError, InvalidOptions } from "@happy-eyeballs/core/ConnectError"
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { Dialer } from "@happy-eyeballs/core/Dialer"
import { BackgroundClock, type Connection, HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import type { TargetInput } from "@happy-eyeballs/core/Target"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Net from "node:net"
import type * as Tls from "node:tls"
import * as NodeSystemResolver from "./dns/NodeSystemResolver.ts"
import { unrefClock } from "./internal/unrefClock.ts"
import * as NodeDialer from "./NodeDialer.ts"
import * as NodeScopeIds from "./NodeScopeIds.ts"
import * as NodeServiceNames from "./NodeServiceNames.ts"
import * as NodeSourceAddress from "./NodeSourceAddress.ts"

/**
 * An open connection whose `native` is Node's own socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeConnection extends Connection {
  readonly native: Net.Socket | Tls.TLSSocket
}

/**
 * Connects to a target and gives Node's own socket with the connection.
 *
 * **Details**
 *
 * The socket is not being read yet: what arrives waits until it is resumed, or
 * gets a `data` listener or a pipe. It belongs to the caller's scope and closes
 * with it.
 *
 * **Gotchas**
 *
 * Over a dialer that is not Node's, such as a simulated one, there is no such
 * socket and this dies.
 *
 * **Example** (Talking through Node's socket)
 *
 * ```ts
 * import { NodeHappyEyeballs } from "@happy-eyeballs/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { native, report } = yield* NodeHappyEyeballs.connect("example.com:443")
 *   native.write("hello\n")
 *   return report.winner?.address
 * })
 *
 * await program.pipe(Effect.scoped, Effect.provide(NodeHappyEyeballs.layer), Effect.runPromise)
 * ```
 *
 * @category connecting
 * @since 0.1.0
 */
export const connect = (
  target: TargetInput,
  options?: ConnectOptions
): Effect.Effect<NodeConnection, ConnectError, HappyEyeballs | Scope.Scope> =>
  Effect.flatMap(
    HappyEyeballs,
    (happyEyeballs) =>
      Effect.flatMap(happyEyeballs.connect(target, options), (connection) =>
        isNodeConnection(connection)
          ? Effect.succeed(connection)
          : Effect.die(new TypeError("this connection has no socket of Node's: provide NodeDialer.layer")))
  )

const isNodeConnection = (connection: Connection): connection is NodeConnection =>
  connection.native instanceof Net.Socket

/**
 * Makes an Effect socket that connects when it is opened.
 *
 * **Details**
 *
 * Each acquisition of its `reader` is a connect of its own: names are asked
 * again, and addresses raced again. `reader.upgrade` speaks TLS from then on
 * (STARTTLS). A connect that fails is a `SocketOpenError` whose cause is the
 * `ConnectError`, of kind `Timeout` where the time ran out.
 *
 * **Example** (Reading a greeting)
 *
 * ```ts
 * import { NodeHappyEyeballs } from "@happy-eyeballs/node"
 * import { Effect } from "effect"
 *
 * const greeting = Effect.gen(function*() {
 *   const socket = yield* NodeHappyEyeballs.makeSocket("example.com:443", { timeout: "5 seconds" })
 *   const { pull } = yield* socket.reader
 *   return yield* pull
 * })
 *
 * await greeting.pipe(Effect.scoped, Effect.provide(NodeHappyEyeballs.layer), Effect.runPromise)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSocket = (
  target: TargetInput,
  options?: ConnectOptions
): Effect.Effect<Socket.Socket, never, HappyEyeballs> =>
  NodeSocket.fromDuplex(Effect.mapBoth(connect(target, options), {
    onFailure: (cause) =>
      new Socket.SocketError({
        reason: new Socket.SocketOpenError({ kind: cause.reason._tag === "TimedOut" ? "Timeout" : "Unknown", cause })
      }),
    onSuccess: ({ native }) => native
  }))

/**
 * Layer with an Effect socket that connects when it is opened.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSocket = (
  target: TargetInput,
  options?: ConnectOptions
): Layer.Layer<Socket.Socket, never, HappyEyeballs> => Layer.effect(Socket.Socket, makeSocket(target, options))

const environment: Layer.Layer<never> = Layer.mergeAll(
  NodeScopeIds.layer,
  NodeServiceNames.layer,
  NodeSourceAddress.layer,
  Layer.succeed(BackgroundClock, unrefClock)
)

// Names as this machine is set up to answer them: by the stub resolver, or by
// libc where only libc can do what the system's files say.
const platform: Layer.Layer<Resolver | Dialer> = Layer.mergeAll(NodeSystemResolver.layer(), NodeDialer.layer)

/**
 * Layer of the racer on Node over a resolver and a dialer of your own.
 *
 * **Details**
 *
 * With it come this host's source addresses and the zones of its interfaces.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNoDeps: Layer.Layer<HappyEyeballs, never, Resolver | Dialer> = Layer.fresh(Layer.provide(
  HappyEyeballs.layer,
  environment
))

/**
 * Layer of the racer on Node, with the system's resolver.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<HappyEyeballs | Resolver | Dialer> = Layer.provideMerge(layerNoDeps, platform)

/**
 * Layer of the racer on Node, with the system's resolver and these options; it
 * fails where one of them is not allowed.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOptions = (
  options: ConnectOptions
): Layer.Layer<HappyEyeballs | Resolver | Dialer, InvalidOptions> =>
  HappyEyeballs.layerOptions(options).pipe(Layer.provide(environment), Layer.provideMerge(platform))

/**
 * Layer of the racer on Node, with the system's resolver and options from
 * configuration, such as `ConnectOptions.config`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<ConnectOptions>
): Layer.Layer<HappyEyeballs | Resolver | Dialer, Config.ConfigError | InvalidOptions> =>
  HappyEyeballs.layerConfig(options).pipe(Layer.provide(environment), Layer.provideMerge(platform))

/**
 * The racer on Node, as `layer` has it.
 *
 * @category layers
 * @since 0.1.0
 */
export const HappyEyeballsLive: Layer.Layer<HappyEyeballs | Resolver | Dialer> = layer
