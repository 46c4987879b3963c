/**
 * Effect's HTTP clients over the race.
 *
 * A layer for each way in which they connect in Node: undici, `node:http` and
 * `fetch`. The clients are those of `@effect/platform-node`, which is yours to
 * install.
 *
 * @since 0.1.0
 */
import * as PlatformHttpClient from "@effect/platform-node/NodeHttpClient"
import { type Agent, buildConnector } from "@effect/platform-node/Undici"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as UndiciConnector from "./internal/plugs/undiciConnector.ts"
import { WaitingRequests } from "./internal/plugs/waitingRequests.ts"
import * as NodeFetch from "./NodeFetch.ts"
import * as NodeHttpAgent from "./NodeHttpAgent.ts"

/**
 * Options of the dispatcher: undici's own for an agent, and those of the
 * connector as `connect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DispatcherOptions
  extends Omit<Agent.Options, "connect" | "autoSelectFamily" | "autoSelectFamilyAttemptTimeout">
{
  readonly connect?: UndiciConnector.Options | undefined
}

/**
 * Layer with the dispatcher of `NodeHttpClient.layerUndiciNoDispatcher`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDispatcher = (
  options: DispatcherOptions = {}
): Layer.Layer<PlatformHttpClient.Dispatcher, never, HappyEyeballs> =>
  Layer.effect(
    PlatformHttpClient.Dispatcher,
    Effect.gen(function*() {
      const waiting = new WaitingRequests()
      const connect = yield* UndiciConnector.makeForAgent(options, buildConnector, waiting)
      return waiting.watch(yield* PlatformHttpClient.makeDispatcherOptions({ ...options, connect }))
    })
  )

/**
 * Layer with the agents of `NodeHttpClient.layerNodeHttpNoAgent`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpAgent = (
  options: NodeHttpAgent.Options = {}
): Layer.Layer<PlatformHttpClient.HttpAgent, never, HappyEyeballs> =>
  Layer.effect(PlatformHttpClient.HttpAgent, NodeHttpAgent.make(options))

/**
 * Layer with an `HttpClient` over undici.
 *
 * **Example** (Getting a page)
 *
 * ```ts
 * import { HappyEyeballsLive } from "@happy-eyeballs/node"
 * import * as NodeHttpClient from "@happy-eyeballs/node/NodeHttpClient"
 * import { Effect, Layer } from "effect"
 * import { HttpClient } from "effect/http"
 * import { once } from "node:events"
 * import { createServer } from "node:http"
 *
 * const server = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1")
 * await once(server, "listening")
 *
 * const program = Effect.gen(function*() {
 *   const { port } = server.address() as { port: number }
 *   const response = yield* HttpClient.get(`http://localhost:${port}/`)
 *   return yield* response.text
 * })
 *
 * const layer = NodeHttpClient.layerUndici().pipe(Layer.provide(HappyEyeballsLive))
 *
 * await Effect.runPromise(Effect.provide(program, layer)) // => "hello"
 * server.close()
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUndici = (options: DispatcherOptions = {}): Layer.Layer<HttpClient, never, HappyEyeballs> =>
  Layer.provide(PlatformHttpClient.layerUndiciNoDispatcher, layerDispatcher(options))

/**
 * Layer with an `HttpClient` over `node:http` and `node:https`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNodeHttp = (options: NodeHttpAgent.Options = {}): Layer.Layer<HttpClient, never, HappyEyeballs> =>
  Layer.provide(PlatformHttpClient.layerNodeHttpNoAgent, layerHttpAgent(options))

/**
 * Layer with an `HttpClient` over Node's `fetch`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFetch = (
  options: NodeFetch.Options = {}
): Layer.Layer<HttpClient, NodeFetch.UnknownDispatcher, HappyEyeballs> =>
  Layer.provide(PlatformHttpClient.layerFetch, Layer.effect(PlatformHttpClient.Fetch, NodeFetch.make(options)))
