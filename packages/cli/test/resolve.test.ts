import * as NodeChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import * as NodeStdio from "@effect/platform-node-shared/NodeStdio"
import * as NodeTerminal from "@effect/platform-node-shared/NodeTerminal"
import { assert, describe, it } from "@effect/vitest"
import * as QueryResult from "@happy-eyeballs/dns/QueryResult"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import { NodeNameServer } from "@happy-eyeballs/node"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Resolve from "../src/commands/Resolve.ts"
import type { Ending } from "../src/Ending.ts"
import { Output } from "../src/Output.ts"
import type { Style } from "../src/Style.ts"
import { plain, styles } from "./simulated.ts"

const zone = Zone.fromLinesUnsafe([
  "dual.example. 60 IN A 192.0.2.80",
  "dual.example. 60 IN AAAA 2001:db8::80",
  "v4only.example. 60 IN A 192.0.2.81",
  "alias.example. 20 IN CNAME dual.example.",
  "svc.example. 60 IN HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.80 ech=AQID key667=\"x\"",
  "broken.example. 60 IN HTTPS 1 . no-default-alpn",
  "text.example. 60 IN TXT \"\u001b[31mred\"",
  "80.2.0.192.in-addr.arpa. 60 IN PTR dual.example."
])

const pem = (name: string) =>
  Fs.readFileSync(new URL(`../../node/test/fixtures/certificates/${name}`, import.meta.url), "utf8")
const tls = { key: pem("server.key"), cert: pem("server.pem") }

const platform = Layer.mergeAll(NodeChildProcessSpawner.layer, NodeStdio.layer, NodeTerminal.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer))
)

/** Runs the command against a name server on loopback, whose ports stand for PORT and HTTPS_PORT. */
const resolve = (...args: ReadonlyArray<string>) => resolveIn(plain, args)

const resolveIn = (style: Style, args: ReadonlyArray<string>) =>
  Effect.scoped(Effect.gen(function*() {
    const { httpsPort, port } = yield* NodeNameServer.run({ answer: (query) => Zone.answer(zone, query), tls })
    const results: Array<string> = []
    const messages: Array<string> = []
    const output = Layer.succeed(Output, {
      result: (line) => Effect.sync(() => void results.push(line)),
      message: (line) => Effect.sync(() => void messages.push(line)),
      style,
      screen: undefined
    })
    const given = args.map((argument) =>
      argument.replace("HTTPS_PORT", String(httpsPort)).replace("PORT", String(port))
    )
    const code = yield* Command.runWith(Resolve.command, { version: "0" })(given).pipe(
      Effect.as(0),
      Effect.catchTag("Ending", (ending: Ending) => Effect.succeed(ending.code)),
      Effect.provide([output, platform])
    )
    const place = `127.0.0.1:${port}`
    const settled = (lines: ReadonlyArray<string>) =>
      lines.map((line) => line.replaceAll(place, "HERE").replace(/in [\d.]+ ms/, "in TIME"))
    return { code, results: settled(results), messages: settled(messages) }
  }))

const server = ["--server", "127.0.0.1:PORT"]
const decode = (line: string | undefined) =>
  Schema.decodeUnknownSync(QueryResult.QueryResult, { onExcessProperty: "error" })(JSON.parse(line ?? ""))

describe("resolve", () => {
  it.live("asks for AAAA, then A, and shows the records with where they are from", () =>
    Effect.map(resolve("dual.example", ...server), (ran) =>
      assert.deepStrictEqual(ran, {
        code: 0,
        results: [
          "dual.example. 60 IN AAAA 2001:db8::80",
          "; from udp://HERE, in TIME",
          "dual.example. 60 IN A 192.0.2.80",
          "; from udp://HERE, in TIME"
        ],
        messages: []
      })))

  it.live("says the same at 80 and 120 columns, with colour and without", () =>
    Effect.gen(function*() {
      const [first, ...others] = yield* Effect.forEach(
        styles,
        (style) => resolveIn(style, ["svc.example", "HTTPS", ...server])
      )
      assert.deepStrictEqual(first?.results, [
        "svc.example. 60 IN HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.80 ech=AQID key667=\"x\"",
        "; from udp://HERE, in TIME"
      ])
      for (const other of others) assert.deepStrictEqual(other, first)
    }))

  it.live("is content with one family, and says what the other lacks", () =>
    Effect.map(resolve("v4only.example", ...server), ({ code, messages }) => {
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(messages, ["happy-eyeballs: v4only.example has no AAAA records: udp://HERE says so"])
    }))

  it.live("prints the data alone with --short, without aliases", () =>
    Effect.map(
      resolve("alias.example", "A", "--short", ...server),
      ({ results }) => assert.deepStrictEqual(results, ["192.0.2.80"])
    ))

  it.live("finds the name of an address", () =>
    Effect.map(
      resolve("192.0.2.80", "--short", ...server),
      ({ results }) => assert.deepStrictEqual(results, ["dual.example."])
    ))

  it.live("prints HTTPS records in presentation form", () =>
    Effect.map(
      resolve("svc.example", "HTTPS", "--short", ...server),
      ({ results }) =>
        assert.deepStrictEqual(results, ["1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.80 ech=AQID key667=\"x\""])
    ))

  it.live("says what is malformed, and that the answer is of no use", () =>
    Effect.map(resolve("broken.example", "HTTPS", "--json", ...server), ({ code, results }) => {
      const { error, ok } = decode(results[0])
      assert.deepStrictEqual([code, ok, error?.tag, error?.reason], [1, false, "NoAnswer", "InvalidResponse"])
      assert.include(
        error?.message,
        "gives broken.example. a malformed HTTPS record: no-default-alpn is there without alpn"
      )
    }))

  it.live("asks over HTTPS, and says so without the server's parameters", () =>
    Effect.map(
      resolve("v4only.example", "A", "--json", "--server", "https://127.0.0.1:HTTPS_PORT/dns-query?auth=none"),
      ({ results }) => {
        const { attempts, server, transport } = decode(results[0])
        assert.strictEqual(transport, "https")
        assert.match(server ?? "", /^https:\/\/127\.0\.0\.1:\d+\/dns-query$/)
        assert.deepStrictEqual(attempts.map(({ outcome, server }) => [outcome, server]), [["answered", server]])
      }
    ))

  it.live("prints a line of JSON for each type, as it is documented", () =>
    Effect.map(resolve("alias.example", "A", "--json", ...server), ({ code, messages, results }) => {
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(messages, [])
      const { attempts, elapsedMs, ...result } = decode(results[0])
      assert.deepStrictEqual(result, {
        ok: true,
        name: "alias.example.",
        type: "A",
        rcode: "NOERROR",
        records: [
          { name: "alias.example.", type: "CNAME", ttlSeconds: 20, data: "dual.example." },
          { name: "dual.example.", type: "A", ttlSeconds: 60, data: "192.0.2.80" }
        ],
        server: "udp://HERE",
        transport: "udp",
        cached: false,
        stale: false,
        authenticatedData: false,
        extendedErrors: [],
        error: null
      })
      assert.strictEqual(attempts.length, 1)
      assert.deepInclude(attempts[0], { server: "udp://HERE", outcome: "answered", reason: null })
      assert.isAbove(elapsedMs, 0)
    }))

  it.live("tells a missing name from a missing type by the code alone, and ends with 1 for both", () =>
    Effect.map(
      Effect.all([
        resolve("gone.example", "A", "--json", ...server),
        resolve("v4only.example", "MX", "--json", ...server)
      ]),
      (runs) => {
        assert.deepStrictEqual(runs.map(({ code }) => code), [1, 1])
        const results = runs.map(({ results }) => decode(results[0]))
        assert.deepStrictEqual(results.map(({ error, ok, rcode }) => [ok, rcode, error?.reason]), [
          [false, "NXDOMAIN", "NotFound"],
          [false, "NOERROR", "NotFound"]
        ])
      }
    ))

  it.live("gives null for what no server said, and each attempt with its reason", () =>
    Effect.map(
      resolve("dual.example", "A", "--json", "--server", "tcp://127.0.0.1:9", "--timeout", "2s"),
      ({ code, results }) => {
        assert.strictEqual(code, 1)
        const { attempts, error, rcode, server, transport } = decode(results[0])
        assert.deepStrictEqual([rcode, server, transport], [null, null, null])
        assert.deepStrictEqual([error?.tag, error?.reason], ["NoAnswer", "Refused"])
        assert.isTrue(attempts.every(({ reason }) => reason === "Refused"))
      }
    ))

  it.live("answers special names and the hosts file by itself", () =>
    Effect.map(resolve("localhost", "A", "--json", ...server), ({ results }) => {
      const { server, transport } = decode(results[0])
      assert.deepStrictEqual([server, transport], ["local", "local"])
    }))

  it.live.each<[ReadonlyArray<string>, string]>([
    [["bad..example", ...server], "InvalidTarget"],
    [["dual.example", "NOTYPE", ...server], "InvalidOptions"],
    [["dual.example", "--server", "tls://dns.example"], "InvalidOptions"]
  ])(
    "ends with 2 for %j, with one line that says what is wrong",
    ([args, tag]) =>
      Effect.map(Effect.all([resolve(...args, "--json"), resolve(...args)]), ([json, people]) => {
        assert.deepStrictEqual([json.code, people.code], [2, 2])
        const { error } = decode(json.results[0])
        assert.strictEqual(error?.tag, tag)
        assert.deepStrictEqual(people.messages, [`happy-eyeballs: ${error?.message}`])
        assert.deepStrictEqual(people.results, [])
      })
  )

  it.live("lets no text from a server move the cursor", () =>
    Effect.map(
      resolve("text.example", "TXT", ...server),
      ({ results }) => assert.strictEqual(results[0], "text.example. 60 IN TXT \"\\027[31mred\"")
    ))

  it.live("explains who answers names on this machine", () =>
    Effect.map(resolve("dual.example", "--explain"), ({ code, results }) => {
      assert.strictEqual(code, 0)
      assert.match(results[0] ?? "", /^names are answered by (the stub resolver|the system \(getaddrinfo\)): /)
    }))
})
