/**
 * Agents for `node:http` and `node:https` that race: for axios, got,
 * node-fetch, ws, the AWS SDK and whatever else takes an agent.
 *
 * Pooling is Node's own: keep-alive, limits, queues and `destroy` are as in its
 * agents. Only where one opens a connection, a race does.
 *
 * @since 0.1.0
 */
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import Http from "node:http"
import Https from "node:https"
import { syncBuiltinESMExports } from "node:module"
import * as Connects from "./internal/plugs/connects.ts"
import * as RacingAgents from "./internal/plugs/racingAgents.ts"

/**
 * Options of the agents: Node's own for both, and those of the race.
 *
 * **Details**
 *
 * What is not given is as in Node's global agents: connections are kept, the
 * last used goes first, and 5 s without use close it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Https.AgentOptions {
  /** The race's own options, such as its delays and times. */
  readonly race?: ConnectOptions | undefined
}

/**
 * An agent for each protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface Agents {
  readonly http: Http.Agent
  readonly https: Https.Agent
}

/**
 * Makes agents, which are destroyed with the scope.
 *
 * **Details**
 *
 * A request's `family`, `localAddress`, `socketPath`, `timeout` and TLS options
 * hold, and a `lookup` that it brings decides which addresses there are. With
 * TLS, what is raced ends with the handshake.
 *
 * **Gotchas**
 *
 * An agent with the option `proxyEnv` connects in Node's own way.
 *
 * **Example** (Requesting over an agent)
 *
 * ```ts
 * import { HappyEyeballsLive } from "@happy-eyeballs/node"
 * import * as NodeHttpAgent from "@happy-eyeballs/node/NodeHttpAgent"
 * import { Effect } from "effect"
 * import { once } from "node:events"
 * import * as Http from "node:http"
 *
 * const server = Http.createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1")
 * await once(server, "listening")
 *
 * const program = Effect.gen(function*() {
 *   const { http: agent } = yield* NodeHttpAgent.make()
 *   const { port } = server.address() as { port: number }
 *   return yield* Effect.callback<number | undefined>((resume) => {
 *     Http.get({ host: "localhost", port, agent }, (response) => {
 *       response.resume()
 *       resume(Effect.succeed(response.statusCode))
 *     })
 *   })
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(HappyEyeballsLive))) // => 200
 * server.close()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  { race = {}, ...options }: Options = {}
): Effect.fn.Return<Agents, never, HappyEyeballs | Scope.Scope> {
  const connects = yield* Connects.make
  return yield* Effect.acquireRelease(
    Effect.sync(() =>
      RacingAgents.make(connects, race, { keepAlive: true, scheduling: "lifo", timeout: 5000, ...options })
    ),
    ({ http, https }) =>
      Effect.sync(() => {
        http.destroy()
        https.destroy()
      })
  )
})

/**
 * Service with agents whose connections are raced.
 *
 * @category services
 * @since 0.1.0
 */
export class HttpAgents extends Context.Service<HttpAgents, Agents>()("@happy-eyeballs/node/NodeHttpAgent/HttpAgents") {
}

/**
 * Layer with agents.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<HttpAgents, never, HappyEyeballs> =>
  Layer.effect(HttpAgents, make(options))

/**
 * Layer that puts agents in the place of `http.globalAgent` and
 * `https.globalAgent`, until its scope closes: for requests that name none.
 *
 * **Details**
 *
 * Then those from before are back, unless somebody else has put in others by
 * then.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerGlobal = (options: Options = {}): Layer.Layer<never, never, HappyEyeballs> =>
  Layer.effectDiscard(Effect.flatMap(make(options), (agents) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = { http: Http.globalAgent, https: Https.globalAgent }
        put(agents)
        return before
      }),
      (before) =>
        Effect.sync(() =>
          put({
            http: Http.globalAgent === agents.http ? before.http : Http.globalAgent,
            https: Https.globalAgent === agents.https ? before.https : Https.globalAgent
          })
        )
    )))

// What was imported by name is another variable, which Node sets anew when it is asked to.
const put = ({ http, https }: Agents): void => {
  Http.globalAgent = http
  Https.globalAgent = https
  syncBuiltinESMExports()
}
