// Run by UndiciAbort.test.ts under several versions of Node: aborts a fetch that waits for a connection, and says how it
// failed, and whether that connection is still tried for.
import * as Effect from "effect/Effect"
import * as NodeFetch from "../../../src/NodeFetch.ts"
import * as Resources from "../../fixtures/Resources.ts"
import * as Web from "./http.ts"

const port = Number(process.argv[2])

const endless = { attemptTimeout: "1 hour", timeout: "1 hour" } as const

const program = Effect.gen(function*() {
  const controller = new AbortController()
  const failed = Effect.flip(
    Web.tried(() => fetch(`http://good.service.example:${port}/`, { signal: controller.signal }))
  )
  const aborted = Effect.gen(function*() {
    yield* Web.until(() => Resources.connectingTo(port) === 1)
    controller.abort()
  })
  const [error] = yield* Effect.all([failed, aborted], { concurrency: "unbounded" })
  yield* Web.until(() => Resources.connectingTo(port) === 0)
  return error.name
})

console.log(
  await Effect.runPromise(program.pipe(
    Effect.provide(NodeFetch.layerGlobal({ race: endless })),
    Effect.scoped,
    Effect.provide(Web.layer)
  ))
)
