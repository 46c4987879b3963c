// Run by Fetch.test.ts under several versions of Node: fetches a site whose first address is a black hole, over the
// installed dispatcher and over one of its own, and says what came. The second argument says when the package undici is
// loaded, the third whether HTTP/2 is wanted.
import * as Effect from "effect/Effect"
import * as NodeFetch from "../../../src/NodeFetch.ts"
import * as Web from "./http.ts"

const [url = "", undici = "never", wanted = ""] = process.argv.slice(2)

const get = (request: typeof fetch, init: RequestInit = {}) =>
  Web.tried(async () => {
    const response = await request(url, init)
    return `${await response.text()} by HTTP ${response.headers.get("x-http")}`
  })

const options = { tls: { ca: Web.ca }, ...wanted === "h2" ? { allowH2: true, preferH2: true } : {} }

const load = Web.tried(() => import("undici"))

const program = Effect.gen(function*() {
  if (undici === "before") yield* load
  const fetched = yield* Web.firstByteIsEarly(
    Effect.suspend(() => Effect.scoped(Effect.provide(get(fetch), NodeFetch.layerGlobal(options))))
  )
  const alone = yield* Web.firstByteIsEarly(Effect.scoped(
    Effect.flatMap(NodeFetch.makeDispatcher(options), (dispatcher) => get(fetch, { dispatcher }))
  ))
  if (undici === "never") return { fetched, alone }
  const own = yield* Web.firstByteIsEarly(
    Effect.suspend(() =>
      load.pipe(
        Effect.flatMap((library) => get(library.fetch as unknown as typeof fetch)),
        Effect.provide(NodeFetch.layerGlobal(options)),
        Effect.scoped
      )
    )
  )
  return { fetched, alone, own }
})

console.log(JSON.stringify(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Web.layer)))))
