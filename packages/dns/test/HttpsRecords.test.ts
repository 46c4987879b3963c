import { assert, describe, it } from "@effect/vitest"
import { type Answer, type Query, Resolver } from "@happy-eyeballs/core/Resolver"
import { HostsFile, Message, RecordType, StubResolver } from "@happy-eyeballs/dns"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { describeQuery, idOf } from "./support/network.ts"
import { name, run, server, zoneServer } from "./support/resolver.ts"

const place = "192.0.2.53:53"
const config = { servers: [server(place)] }

const describeRecord = (answer: Answer) =>
  answer._tag === "Services"
    ? answer.records.map(({ alpn, ipv4hint, port, priority, target }) =>
      [priority, target, ...alpn, port, ...ipv4hint.map(NetAddress.formatIp)].filter((part) => part !== undefined).join(
        " "
      )
    )
    : answer._tag === "Failed"
    ? answer.error.reason
    : answer.addresses.map(NetAddress.formatIp)

const describeAnswer = (answer: Answer) => [
  answer.type,
  describeRecord(answer),
  answer.source,
  answer.ttl === undefined ? undefined : Duration.toSeconds(answer.ttl)
]

const resolve = (stub: StubResolver.StubResolver["Service"], query: Omit<Query, "name"> & { readonly name: string }) =>
  Effect.flatMap(Resolver, (resolver) => Stream.runCollect(resolver.resolve({ ...query, name: name(query.name) })))
    .pipe(
      Effect.provide(StubResolver.StubResolver.layerResolver.pipe(
        Layer.provide(Layer.succeed(StubResolver.StubResolver, stub))
      ))
    )

/** Asks one query of a resolver whose server has these lines. */
const ask = (
  lines: ReadonlyArray<string>,
  query: Omit<Query, "name"> & { readonly name: string },
  more: Partial<StubResolver.Config> = {},
  options?: StubResolver.Options
) => {
  const { asked, value } = run(
    { [place]: zoneServer(lines) },
    { ...config, ...more },
    (stub) => resolve(stub, query),
    options
  )
  return { asked, answers: value.map(describeAnswer), owners: value.map(({ owner }) => owner) }
}

const https = (text: string, port?: number) => ({ name: text, types: ["HTTPS"] as const, port })

describe("StubResolver.layerResolver", () => {
  it("asks for HTTPS first where it is first, and gives its records as they stand", () => {
    const { answers, asked } = ask([
      "www.example. 60 IN HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.9",
      "www.example. 60 IN HTTPS 2 Backup.example.",
      "www.example. 30 IN A 192.0.2.80"
    ], { name: "www.example", types: ["HTTPS", "AAAA", "A"] })
    assert.deepStrictEqual(asked, ["0 HTTPS www.example.", "0 AAAA www.example.", "0 A www.example."])
    assert.deepStrictEqual(answers, [
      ["HTTPS", ["1 . h2 h3 8443 192.0.2.9", "2 backup.example."], "network", 60],
      ["AAAA", "NotFound", "network", 60],
      ["A", ["192.0.2.80"], "network", 30]
    ])
  })

  it("asks for the records of another port under a name of their own, and gives that name for the root", () => {
    const { answers, asked, owners } = ask([
      "_8443._https.www.example. 60 IN HTTPS 1 . alpn=h2",
      "_8443._https.www.example. 60 IN HTTPS 2 other.example."
    ], https("www.example", 8443))
    assert.deepStrictEqual(asked, ["0 HTTPS _8443._https.www.example."])
    assert.deepStrictEqual(answers, [
      ["HTTPS", ["1 _8443._https.www.example. h2", "2 other.example."], "network", 60]
    ])
    assert.deepStrictEqual(owners, ["www.example"])
  })

  it("asks under the name itself for port 443", () => {
    assert.deepStrictEqual(ask([], https("www.example", 443)).asked, ["0 HTTPS www.example."])
  })

  it("asks nothing where the name with its port is longer than names can be", () => {
    const long = `${"a".repeat(60)}.`.repeat(4)
    const { answers, asked } = ask([], https(`${long}example`, 8443))
    assert.deepStrictEqual([answers, asked], [[["HTTPS", "NotFound", "local", undefined]], []])
  })

  it("follows aliases to the records, also where the server does not", () => {
    const alias = "www.example. 20 IN CNAME cdn.example."
    const service = "cdn.example. 60 IN HTTPS 1 svc.example."
    const whole = ask([alias, service], https("www.example"))
    assert.deepStrictEqual(whole.answers, [["HTTPS", ["1 svc.example."], "network", 20]])
    assert.deepStrictEqual(whole.owners, ["www.example"])
    const question = { name: "www.example.", type: RecordType.codes.HTTPS }
    const aliasAlone = (query: Uint8Array) =>
      Reply.encode({
        id: idOf(query),
        question,
        answers: [{ owner: question.name, type: RecordType.codes.CNAME, ttl: 20, data: Reply.name("cdn.example.") }]
      })
    const { asked, value } = run(
      {
        [place]: {
          udp: (query) =>
            describeQuery(query) === "HTTPS www.example."
              ? [[10, aliasAlone(query)]]
              : zoneServer([service]).udp?.(query, 0) ?? []
        }
      },
      config,
      (stub) => resolve(stub, https("www.example"))
    )
    assert.deepStrictEqual(value.map(describeAnswer), whole.answers)
    assert.deepStrictEqual(asked, ["0 HTTPS www.example.", "10 HTTPS cdn.example."])
  })

  it("gives aliases alone where there are any, and leaves them to the caller", () => {
    const { answers, asked } = ask([
      "www.example. 60 IN HTTPS 1 svc.example.",
      "www.example. 60 IN HTTPS 0 other.example."
    ], https("www.example"))
    assert.deepStrictEqual(answers, [["HTTPS", ["0 other.example."], "network", 60]])
    assert.strictEqual(asked.length, 1)
  })

  it("gives an alias to nowhere as it is, whatever the port", () => {
    for (const [port, owner] of [[443, "www.example."], [8443, "_8443._https.www.example."]] as const) {
      const { answers } = ask([`${owner} 60 IN HTTPS 0 .`], https("www.example", port))
      assert.deepStrictEqual(answers, [["HTTPS", ["0 ."], "network", 60]])
    }
  })

  it("gives no service beside an alias that nobody can follow", () => {
    const { answers } = ask([
      "www.example. 60 IN HTTPS 1 svc.example.",
      // 0 a b.example.
      "www.example. 60 IN TYPE65 \\# 15 0000 03612062 076578616D706C65 00"
    ], https("www.example"))
    assert.deepStrictEqual(answers, [["HTTPS", [], "network", 60]])
  })

  it("passes over a record that asks for what nobody here understands", () => {
    const { answers } = ask([
      "www.example. 60 IN HTTPS 1 . mandatory=key667 key667=x",
      "www.example. 60 IN HTTPS 2 . port=8443"
    ], https("www.example"))
    assert.deepStrictEqual(answers, [["HTTPS", ["2 . 8443"], "network", 60]])
  })

  it("fails the records of a name and type, and nothing else, for one malformed record among them", () => {
    const { value } = run(
      {
        [place]: zoneServer([
          "www.example. 60 IN HTTPS 1 . alpn=h2",
          "www.example. 60 IN HTTPS 2 . no-default-alpn",
          "www.example. 60 IN A 192.0.2.80"
        ])
      },
      config,
      (stub) => Effect.all([resolve(stub, { name: "www.example", types: ["HTTPS", "A"] }), stub.statistics])
    )
    const [answers, { servers }] = value
    assert.deepStrictEqual(answers.map(describeAnswer), [
      ["HTTPS", "InvalidResponse", "network", undefined],
      ["A", ["192.0.2.80"], "network", 60]
    ])
    const [failed] = answers
    assert.include(
      String(failed?._tag === "Failed" ? (failed.error.cause as Error).message : ""),
      "udp://192.0.2.53:53 gives www.example. a malformed HTTPS record: no-default-alpn is there without alpn"
    )
    // The zone is to blame and not the server, which is asked first next time as well.
    assert.deepStrictEqual(servers.map(({ failures }) => failures), [0])
  })

  it("does not mind a malformed record of another owner or type", () => {
    const { value } = run(
      {
        [place]: zoneServer([
          "www.example. 60 IN SVCB 1 . no-default-alpn",
          "www.example. 60 IN HTTPS 1 . alpn=h2"
        ])
      },
      config,
      (stub) => stub.query({ name: name("www.example"), type: 65 })
    )
    assert.deepStrictEqual(value.records.map(Message.formatData), ["1 . alpn=h2"])
    const question = { name: "www.example.", type: RecordType.codes.ANY }
    const all = run(
      {
        [place]: {
          udp: (query) => [[
            10,
            Reply.encode({
              id: idOf(query),
              question,
              answers: [{ owner: question.name, type: RecordType.codes.HTTPS, ttl: 60, data: Reply.u8(0) }]
            })
          ]]
        }
      },
      config,
      (stub) => stub.query({ name: name("www.example"), type: question.type })
    ).value
    assert.deepStrictEqual(all.records.map(Message.formatData), ["\\# 1 00"])
  })

  it("says of a name that does not exist, and of one without records, that nothing was found", () => {
    const lines = ["www.example. 60 IN A 192.0.2.80"]
    assert.deepStrictEqual(ask(lines, https("www.example")).answers, [["HTTPS", "NotFound", "network", 60]])
    assert.deepStrictEqual(
      ask(lines, { name: "gone.example", types: ["HTTPS", "AAAA", "A"] }).answers.map((
        [type, reason]
      ) => [type, reason]),
      [["HTTPS", "NotFound"], ["AAAA", "NotFound"], ["A", "NotFound"]]
    )
  })

  it("asks no server for what the hosts file has, or for a name of this machine, whatever the port", () => {
    const hosts = Effect.succeed(HostsFile.parse("192.0.2.7 pinned.example"))
    for (const text of ["pinned.example", "localhost", "a.localhost"]) {
      for (const port of [undefined, 443, 8443]) {
        const { answers, asked } = ask(
          ["pinned.example. 60 IN HTTPS 1 elsewhere.example."],
          https(text, port),
          {},
          { hosts }
        )
        assert.deepStrictEqual([answers, asked], [[["HTTPS", "NotFound", "local", undefined]], []])
      }
    }
  })

  it("searches for all types of a name in one place", () => {
    const { answers, asked } = ask(
      ["www.corp.example. 60 IN A 192.0.2.80", "_8443._https.www.corp.example. 60 IN HTTPS 1 ."],
      { name: "www", types: ["HTTPS", "A"], port: 8443 },
      { search: [name("corp.example")] }
    )
    assert.deepStrictEqual(asked, ["0 HTTPS _8443._https.www.corp.example.", "0 A www.corp.example."])
    assert.deepStrictEqual(answers, [
      ["HTTPS", ["1 _8443._https.www.corp.example."], "network", 60],
      ["A", ["192.0.2.80"], "network", 60]
    ])
  })

  it("remembers HTTPS records for as long as they hold", () => {
    const { asked, value } = run(
      { [place]: zoneServer(["www.example. 60 IN HTTPS 1 ."]) },
      config,
      (stub) =>
        Effect.all([resolve(stub, https("www.example")), Effect.delay(resolve(stub, https("www.example")), 20_000)])
    )
    assert.strictEqual(asked.length, 1)
    assert.deepStrictEqual(value[1].map(describeAnswer), [["HTTPS", ["1 ."], "cache", 40]])
  })

  it.each<[ReadonlyArray<string>, boolean]>([
    [["tls://192.0.2.53"], true],
    [["https://192.0.2.53/q"], true],
    [["tls://192.0.2.53", "https://192.0.2.53/q"], true],
    [["tls://192.0.2.53", "192.0.2.53"], false],
    [["tcp://192.0.2.53"], false],
    [["tls://192.0.2.53?auth=none"], false],
    [["https://192.0.2.53/q?profile=opportunistic"], false]
  ])(
    "says of answers by %j that they came over encrypted DNS, if and only if nobody could change them: %s",
    (servers, expected) => {
      const zone = zoneServer(["www.example. 60 IN A 192.0.2.80"])
      const { value } = run(
        { "192.0.2.53:853": zone, "192.0.2.53:443": zone, "192.0.2.53:53": zone },
        { servers: servers.map(server) },
        (stub) =>
          Effect.all([
            resolve(stub, { name: "www.example", types: ["HTTPS", "A"] }),
            resolve(stub, { name: "localhost", types: ["A"] })
          ])
      )
      const [answers, local] = value
      assert.deepStrictEqual(answers.map(({ encrypted }) => encrypted === true), [expected, expected])
      assert.deepStrictEqual(local.map(({ encrypted }) => encrypted), [undefined])
    }
  )

  it("says of a failure that it was asked for over encrypted DNS", () => {
    const { value } = run(
      { "192.0.2.53:853": { connectFails: "Refused" } },
      { servers: [server("tls://192.0.2.53")] },
      (stub) => resolve(stub, https("www.example"))
    )
    assert.deepStrictEqual(value.map(({ _tag, encrypted }) => [_tag, encrypted]), [["Failed", true]])
  })
})
