/**
 * The `fetch` of Node over the race, for one caller or for the whole process.
 *
 * It works with the undici inside Node, whichever that is, and needs no other.
 * Requests that bring a dispatcher of their own are not reached. Who uses the
 * package undici finds `NodeUndici`.
 *
 * @since 0.1.0
 */
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as GlobalDispatcher from "./internal/plugs/globalDispatcher.ts"
import type { Options } from "./internal/plugs/undiciConnector.ts"

export type {
  /**
   * Options of the connections that requests are sent over.
   *
   * @category models
   * @since 0.1.0
   */
  Options
} from "./internal/plugs/undiciConnector.ts"

export {
  /**
   * The global dispatcher is one that connects in its own way, such as a proxy
   * or a mock.
   *
   * @category errors
   * @since 0.1.0
   */
  UnknownDispatcher
} from "./internal/plugs/globalDispatcher.ts"

/**
 * What `fetch` takes as `dispatcher`.
 *
 * @category models
 * @since 0.1.0
 */
export type Dispatcher = NonNullable<RequestInit["dispatcher"]>

/**
 * Makes a dispatcher for `fetch(url, { dispatcher })`, of the very version that
 * this Node's `fetch` understands.
 *
 * **Details**
 *
 * Its connections close with the scope, and requests that are underway fail.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeDispatcher = (
  options: Options = {}
): Effect.Effect<Dispatcher, GlobalDispatcher.UnknownDispatcher, HappyEyeballs | Scope.Scope> =>
  Effect.map(GlobalDispatcher.make(options), (dispatcher) => dispatcher as unknown as Dispatcher)

/**
 * Makes a `fetch` for a client that takes one.
 *
 * **Example** (Giving a client a fetch)
 *
 * ```ts
 * import { HappyEyeballsLive, NodeFetch } from "@happy-eyeballs/node"
 * import { Effect } from "effect"
 * import { once } from "node:events"
 * import { createServer } from "node:http"
 *
 * const server = createServer((_, response) => response.end("hello")).listen(0, "localhost")
 * await once(server, "listening")
 *
 * const program = Effect.gen(function*() {
 *   const fetch = yield* NodeFetch.make()
 *   const { port } = server.address() as { port: number }
 *   return yield* Effect.promise(async () => (await fetch(`http://localhost:${port}/`)).text())
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(HappyEyeballsLive))) // => "hello"
 * server.close()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {}
): Effect.Effect<typeof fetch, GlobalDispatcher.UnknownDispatcher, HappyEyeballs | Scope.Scope> =>
  Effect.map(makeDispatcher(options), (dispatcher) => (input, init) => globalThis.fetch(input, { dispatcher, ...init }))

/**
 * Layer that lets every `fetch` of the process race, until its scope closes.
 *
 * **Details**
 *
 * Then the dispatcher from before is back. Connections from before stay with
 * it. Where another undici is loaded too, its requests race as well.
 *
 * **Gotchas**
 *
 * In Node 22, an undici 8 that is loaded afterwards takes the place of what was
 * installed here: load it before.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerGlobal = (
  options: Options = {}
): Layer.Layer<never, GlobalDispatcher.UnknownDispatcher, HappyEyeballs> =>
  Layer.effectDiscard(GlobalDispatcher.install(options))
