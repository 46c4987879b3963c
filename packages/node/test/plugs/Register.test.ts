import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { IncomingMessage } from "node:http"
import * as Path from "node:path"
import type { Duplex } from "node:stream"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Late from "./support/http-late.ts"
import * as Nodes from "./support/http-nodes.ts"
import * as Web from "./support/http.ts"
import * as Tables from "./support/tables.ts"

const register = Path.join(import.meta.dirname, "../../src/register.ts")
const file = (name: string) => Path.join(import.meta.dirname, "support", name)

const run = (
  node: string,
  args: ReadonlyArray<string>,
  imported: string,
  env: Record<string, string> = {}
) => Effect.promise(() => Nodes.run(node, "http-program.ts", args, { env, flags: ["--import", imported] }))

/** Says hello, and hangs up, so that each request connects anew. */
const hello: Web.Handler = (request, response) => {
  response.setHeader("connection", "close")
  Web.hello(request, response)
}

const results = (out: string) => JSON.parse(out) as Record<string, number | string>

const clients = ["fetch", "undici", "node:http", "axios", "got", "node-fetch"]

describe("register", () => {
  it.live.each(Nodes.all)(
    "reaches every client in Node $major, keeps no process alive, and says once what it does not reach",
    ({ path }) =>
      Effect.gen(function*() {
        // With keep-alive connections, which are left when the program has nothing more to do.
        const site = yield* Web.site()
        const before = performance.now()
        const { code, err, out } = yield* run(path, [`http://localhost:${site.port}/`, "worker"], register)
        assert.strictEqual(code, 0, err)
        assert.hasAllKeys(results(out), clients)
        for (const [client, ms] of Object.entries(results(out))) assert.isNumber(ms, client)
        assert.lengthOf(err.match(/^happy-eyeballs: installed\. Not reached: /gm) ?? [], 1, err)
        assert.isBelow(performance.now() - before, 5000)
      })
  )

  it.live("says nothing when it is told to", () =>
    Effect.gen(function*() {
      const site = yield* Web.site()
      const { err } = yield* run(process.execPath, [`http://localhost:${site.port}/`], register, {
        HAPPY_EYEBALLS_QUIET: "true"
      })
      assert.strictEqual(err, "")
    }))

  it.live.each(
    [
      ["HAPPY_EYEBALLS_TIMEOUT", "soon", /^happy-eyeballs: .*Duration.*TIMEOUT.*\n$/],
      [
        "HAPPY_EYEBALLS_CONNECTION_ATTEMPT_DELAY",
        "1 millis",
        /^happy-eyeballs: connectionAttemptDelay: give .* at least 10 ms.*\n$/
      ]
    ] as const
  )("does not start a program with a wrong %s", ([name, value, said]) =>
    Effect.gen(function*() {
      const { code, err, out } = yield* run(process.execPath, ["http://localhost/"], register, { [name]: value })
      assert.deepStrictEqual([code, out], [2, ""])
      assert.match(err, said)
    }))

  it.live("takes its options from the environment", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const { out } = yield* run(process.execPath, [`http://localhost:${hole.port}/`], register, {
        HAPPY_EYEBALLS_TIMEOUT: "200 millis"
      })
      assert.deepStrictEqual(results(out), Object.fromEntries(clients.map((client) => [client, "ETIMEDOUT"])))
    }))

  it.live("leaves to Node what goes through a proxy, and says so", () =>
    Effect.gen(function*() {
      const proxy = yield* Web.site("http", hello)
      const tunnels: Array<string | undefined> = []
      proxy.server.on("connect", (request: IncomingMessage, socket: Duplex) => {
        tunnels.push(request.url)
        socket.end("HTTP/1.1 502 Not today\r\n\r\n")
      })
      const { err, out } = yield* run(process.execPath, ["http://dual.example/"], file("http-register.ts"), {
        NODE_USE_ENV_PROXY: "1",
        HTTP_PROXY: `http://127.0.0.1:${proxy.port}`
      })
      assert.match(err, /Not reached: requests of node:http and node:https, which may use a proxy;/)
      assert.match(err, /; fetch \(the global dispatcher is EnvHttpProxyAgent,/)
      for (const client of ["node:http", "got", "node-fetch"]) assert.isNumber(results(out)[client], client)
      assert.deepStrictEqual(tunnels, ["dual.example:80", "dual.example:80"])
    }))

  it.live(
    "connects beside a first address that is dead, and to one that is late, where Node gives up",
    () =>
      Effect.gen(function*() {
        const columns = { without: file("http-names.ts"), with: file("http-register.ts") }
        const table = yield* Effect.forEach(
          Object.values(columns),
          Effect.fnUntraced(function*(imported) {
            const dead = yield* Web.dual("http", hello)
            // Nobody listens at its other address.
            const late = yield* Late.make("::1")
            const deadFirst = yield* run(process.execPath, [Web.url("http", dead), "exit"], imported)
            const child = yield* Effect.forkChild(run(process.execPath, [Web.url("http", late), "exit"], imported), {
              startImmediately: true
            })
            // Node gives up on the first address after 250 ms; whoever still tries gets through with a SYN sent again.
            yield* Web.until(() => Resources.connectingTo(late.port) > 0)
            yield* Effect.sleep(600)
            late.release()
            const lateFirst = yield* Fiber.join(child)
            return { deadFirst: results(deadFirst.out), lateFirst: results(lateFirst.out) }
          })
        )
        const [without, racing] = table
        console.log(Object.fromEntries(Object.keys(columns).map((column, at) => [column, table[at]])))
        Tables.write(
          "register",
          Object.fromEntries(clients.map((client) => [
            client,
            [without!.deadFirst, racing!.deadFirst, without!.lateFirst, racing!.lateFirst].map((one) => one[client])
          ]))
        )
        assert.deepStrictEqual(Tables.clientsIn("register"), clients)
        for (const client of clients) {
          assert.isBelow(racing!.deadFirst[client] as number, 2000, client)
          assert.isString(without!.lateFirst[client], client)
          assert.isNumber(racing!.lateFirst[client], client)
        }
      }),
    60_000
  )
})
