/**
 * undici over the race: its connector, an agent, and the dispatcher of the
 * whole process.
 *
 * This module imports undici, which is yours to install, version 8. What only
 * needs Node's own `fetch` is in `NodeFetch`.
 *
 * @since 0.1.0
 */
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Agent, buildConnector, setGlobalDispatcher } from "undici"
import * as GlobalDispatcher from "./internal/plugs/globalDispatcher.ts"
import * as UndiciConnector from "./internal/plugs/undiciConnector.ts"
import { WaitingRequests } from "./internal/plugs/waitingRequests.ts"

export type {
  /**
   * Options of a connector.
   *
   * @category models
   * @since 0.1.0
   */
  Options
} from "./internal/plugs/undiciConnector.ts"

/**
 * Options of an agent: undici's own, and those of the connector as `connect`.
 *
 * **Details**
 *
 * `connectTimeout` is the `timeout` of the race; 0 is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface AgentOptions
  extends Omit<Agent.Options, "connect" | "autoSelectFamily" | "autoSelectFamilyAttemptTimeout" | "maxCachedSessions">
{
  readonly connect?: UndiciConnector.Options | undefined
}

/**
 * Makes the function that undici takes as `connect`: for a `Client`, a `Pool`
 * or an `Agent` of your own.
 *
 * **Details**
 *
 * Connects end with the scope, and connections close with it.
 *
 * **Gotchas**
 *
 * undici opens connections for its pool and not for a request: in one of your
 * own, a request that is aborted leaves its race running.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeConnector = (
  options: UndiciConnector.Options = {}
): Effect.Effect<buildConnector.connector, never, HappyEyeballs | Scope.Scope> =>
  Effect.map(
    UndiciConnector.makeForAgent({ connect: options }, buildConnector),
    (connector) => connector as buildConnector.connector
  )

/**
 * Makes an agent, which is destroyed with the scope.
 *
 * **Details**
 *
 * A request that is aborted while it waits for a connection fails at once, and
 * its race ends where no other request may need it.
 *
 * **Example** (Requesting over an agent)
 *
 * ```ts
 * import { HappyEyeballsLive } from "@happy-eyeballs/node"
 * import * as NodeUndici from "@happy-eyeballs/node/NodeUndici"
 * import { Effect } from "effect"
 * import { once } from "node:events"
 * import { createServer } from "node:http"
 * import { request } from "undici"
 *
 * const server = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1")
 * await once(server, "listening")
 *
 * const program = Effect.gen(function*() {
 *   const dispatcher = yield* NodeUndici.makeAgent({ pipelining: 4 })
 *   const { port } = server.address() as { port: number }
 *   return yield* Effect.promise(async () => {
 *     const { body } = await request(`http://localhost:${port}/`, { dispatcher })
 *     return await body.text()
 *   })
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(HappyEyeballsLive))) // => "hello"
 * server.close()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeAgent = Effect.fnUntraced(function*(
  options: AgentOptions = {}
): Effect.fn.Return<Agent, never, HappyEyeballs | Scope.Scope> {
  const waiting = new WaitingRequests()
  const connect = yield* UndiciConnector.makeForAgent(options, buildConnector, waiting)
  return yield* Effect.acquireRelease(
    Effect.sync(() => waiting.watch(new Agent({ ...options, connect: connect as buildConnector.connector }))),
    (agent) => Effect.promise(() => agent.destroy())
  )
})

/**
 * Service with an agent whose connections are raced.
 *
 * @category services
 * @since 0.1.0
 */
export class RacingAgent extends Context.Service<RacingAgent, Agent>()("@happy-eyeballs/node/NodeUndici/RacingAgent") {}

/**
 * Layer with an agent.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: AgentOptions = {}): Layer.Layer<RacingAgent, never, HappyEyeballs> =>
  Layer.effect(RacingAgent, makeAgent(options))

/**
 * Layer that makes an agent the dispatcher of the whole process, until its
 * scope closes: of this undici, of the one in Node, and so of `fetch`.
 *
 * **Details**
 *
 * Then the dispatcher from before is back, unless somebody else has put in
 * another by then.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerGlobal = (options: AgentOptions = {}): Layer.Layer<never, never, HappyEyeballs> =>
  Layer.effectDiscard(
    Effect.flatMap(makeAgent(options), (agent) => GlobalDispatcher.installWith(() => setGlobalDispatcher(agent)))
  )
