/**
 * Installs what public hooks reach, for as long as the process lives.
 */
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import Http from "node:http"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { isMainThread } from "node:worker_threads"
import * as NodeDiagnostics from "../../NodeDiagnostics.ts"
import * as NodeHttpAgent from "../../NodeHttpAgent.ts"
import * as NodeLookup from "../../NodeLookup.ts"
import * as GlobalDispatcher from "./globalDispatcher.ts"

/**
 * Installs everything over a racer, and says what it does not reach. Where the
 * configuration is wrong it says so and ends the process: a program that was
 * meant to race should not run as if nothing were the matter.
 */
export const install = <E extends Error>(
  racer: Layer.Layer<HappyEyeballs | Resolver, E>
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const quiet = yield* Config.Boolean("HAPPY_EYEBALLS_QUIET").pipe(Config.withDefault(false))
    const unreached: Array<string> = []
    yield* loadUndici
    const dispatcher = Layer.effectDiscard(GlobalDispatcher.install({})).pipe(
      Layer.catch((error) => {
        unreached.push(`fetch (${error.message})`)
        return Layer.empty
      })
    )
    const { options } = Http.globalAgent as Http.Agent & { readonly options: NodeHttpAgent.Options & Proxied }
    if (options.proxyEnv !== undefined) unreached.push("requests of node:http and node:https, which may use a proxy")
    const agents = NodeHttpAgent.layerGlobal(options)
    const everything = Layer.mergeAll(dispatcher, agents, NodeLookup.layerGlobal(), NodeDiagnostics.layer).pipe(
      Layer.provide(racer)
    )
    // Never closed: it ends with the process.
    yield* Layer.buildWithScope(everything, Scope.makeUnsafe())
    if (quiet || !isMainThread) return
    yield* say(`installed. Not reached: ${
      [
        ...unreached,
        "agents and dispatchers that the program makes itself",
        "sockets that it opens itself (their names are looked up here, their addresses tried by Node)",
        "dns.promises and dns.resolve"
      ].join("; ")
    }`)
  }).pipe(Effect.catch((error) =>
    Effect.andThen(say(error.message.replaceAll(/\s+/g, " ")), Effect.sync(() => process.exit(2)))
  ))

const say = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`happy-eyeballs: ${line}\n`)
  })

// In Node 22, an undici 8 that the program loads later would take the place of what is installed: load it now.
const loadUndici = Effect.suspend(() => {
  if (!process.versions.node.startsWith("22.")) return Effect.void
  const program = process.argv[1] ?? Path.join(process.cwd(), "program.js")
  return Effect.ignore(Effect.tryPromise(() => import(pathToFileURL(createRequire(program).resolve("undici")).href)))
})

/** Node connects through a proxy itself where its environment names one. */
interface Proxied {
  readonly proxyEnv?: unknown
}
