import { assert, describe, it } from "@effect/vitest"
import type { Answer } from "@happy-eyeballs/core/Resolver"
import { Resolver } from "@happy-eyeballs/core/Resolver"
import { HostsFile, Message, RecordType, Resolution, StubResolver } from "@happy-eyeballs/dns"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { type FakeServer, idOf } from "./support/network.ts"
import { name, run, server, zoneServer } from "./support/resolver.ts"

const { codes } = RecordType
type Stub = StubResolver.StubResolver["Service"]

const first = "192.0.2.1:53"
const second = "192.0.2.2:53"
const one: StubResolver.Config = { servers: [server(first)] }
const two: StubResolver.Config = { servers: [server(first), server(second)] }
const zone = [
  "www.example. 60 IN A 192.0.2.80",
  "www.example. 60 IN AAAA 2001:db8::80",
  "v4only.example. 60 IN A 192.0.2.81",
  "alias.example. 20 IN CNAME www.example.",
  "mail.example. 60 IN MX 10 www.example.",
  "_x._tcp.example. 60 IN SRV 1 2 8080 www.example.",
  "80.2.0.192.in-addr.arpa. 60 IN PTR www.example."
]
const ask = (stub: Stub, text: string, type: number = codes.A, options?: StubResolver.QueryOptions) =>
  stub.query({ name: name(text), type }, options)
const data = (resolution: Resolution.Resolution) => Resolution.wanted(resolution).map(Message.formatData)
const failure = (query: Uint8Array, rcode: number) =>
  Reply.encode({ id: idOf(query), question: questionOf(query), rcode })
const questionOf = (query: Uint8Array) => {
  const message = Message.decode(query)
  return message._tag === "Success" ? message.success.question : undefined
}

describe("StubResolver.query", () => {
  it("answers, and answers from memory the second time", () => {
    const { asked, value } = run({ [first]: zoneServer(zone) }, one, (stub) =>
      Effect.gen(function*() {
        const fresh = yield* ask(stub, "www.example")
        yield* Effect.sleep(5_000)
        return [fresh, yield* ask(stub, "WWW.Example.")]
      }))
    assert.deepStrictEqual(value.map(data), [["192.0.2.80"], ["192.0.2.80"]])
    assert.deepStrictEqual(value.map(({ source, ttl }) => [source, ttl]), [["network", 60], ["cache", 55]])
    assert.deepStrictEqual(value.map(({ server, transport }) => [server, transport]), [
      ["udp://192.0.2.1:53", "udp"],
      ["udp://192.0.2.1:53", "udp"]
    ])
    assert.deepStrictEqual(asked, ["0 A www.example."])
  })

  it("tells a name without records from no name, and keeps both for 30 s at most", () => {
    const { asked, value } = run(
      { [first]: zoneServer(zone, { negativeTtl: 3600 }) },
      one,
      (stub) =>
        Effect.gen(function*() {
          const answers = [yield* ask(stub, "v4only.example", codes.AAAA), yield* ask(stub, "gone.example")]
          yield* Effect.sleep(29_000)
          yield* ask(stub, "below.gone.example")
          yield* Effect.sleep(2_000)
          yield* ask(stub, "gone.example")
          return answers
        })
    )
    assert.deepStrictEqual(value.map(({ rcode }) => Message.formatRcode(rcode)), ["NOERROR", "NXDOMAIN"])
    assert.deepStrictEqual(asked, ["0 AAAA v4only.example.", "10 A gone.example.", "31020 A gone.example."])
  })

  it("takes the least time of an alias chain", () => {
    const { value } = run({ [first]: zoneServer(zone) }, one, (stub) => ask(stub, "alias.example"))
    assert.strictEqual(value.ttl, 20)
    assert.deepStrictEqual(value.records.map(Message.formatRecord), [
      "alias.example. 20 IN CNAME www.example.",
      "www.example. 60 IN A 192.0.2.80"
    ])
  })

  it("asks again for the end of an alias that the server did not follow", () => {
    const alone = zoneServer(["b.example. 60 IN A 192.0.2.9"])
    const partial = {
      udp: (query: Uint8Array) => {
        const question = questionOf(query)
        return question?.name === "a.example."
          ? [
            [
              10,
              Reply.encode({
                id: idOf(query),
                question,
                answers: [{ owner: "a.example.", type: codes.CNAME, ttl: 7, data: Reply.name("b.example.") }]
              })
            ] as const
          ]
          : alone.udp?.(query, 0) ?? []
      }
    }
    const { asked, value } = run({ [first]: partial }, one, (stub) => ask(stub, "a.example"))
    assert.deepStrictEqual(data(value), ["192.0.2.9"])
    assert.strictEqual(value.ttl, 7)
    assert.deepStrictEqual(asked, ["0 A a.example.", "10 A b.example."])
  })

  it.each<[string, ReadonlyArray<string>]>([
    ["loop in one message", ["a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example."]],
    [
      "are more than 16",
      Array.from({ length: 20 }, (_, i) => `${i === 0 ? "a" : `n${i}`}.example. 60 IN CNAME n${i + 1}.example.`)
    ]
  ])("fails for aliases that %s", (_, lines) => {
    const { value } = run({ [first]: zoneServer(lines) }, one, (stub) => Effect.flip(ask(stub, "a.example")))
    assert.strictEqual(value.reason, "InvalidResponse")
    assert.include(value.message, "gives aliases of a.example that lead nowhere")
  })

  it("fails for aliases that loop over several messages", () => {
    const flip = (query: Uint8Array) => {
      const question = questionOf(query)
      const target = question?.name === "a.example." ? "b.example." : "a.example."
      return Reply.encode({
        id: idOf(query),
        question,
        answers: [{ owner: question?.name ?? "", type: codes.CNAME, ttl: 7, data: Reply.name(target) }]
      })
    }
    const { asked, value } = run(
      { [first]: { udp: (query) => [[1, flip(query)]] } },
      one,
      (stub) => Effect.flip(ask(stub, "a.example"))
    )
    assert.strictEqual(value.reason, "InvalidResponse")
    assert.strictEqual(asked.length, 2)
  })

  it("asks once for all who ask the same at once, and an interrupted leader takes no follower down", () => {
    const { asked, value } = run({ [first]: zoneServer(zone) }, one, (stub) =>
      Effect.gen(function*() {
        const leader = yield* Effect.forkChild(ask(stub, "www.example"), { startImmediately: true })
        const followers = yield* Effect.forEach([1, 2, 3], () =>
          Effect.forkChild(ask(stub, "www.example"), { startImmediately: true }))
        yield* Effect.sleep(5)
        yield* Fiber.interrupt(leader)
        const answers = yield* Effect.forEach(followers, Fiber.join)
        return [answers.flatMap(data), (yield* stub.statistics).shared]
      }))
    assert.deepStrictEqual(value, [["192.0.2.80", "192.0.2.80", "192.0.2.80"], 3])
    assert.deepStrictEqual(asked, ["0 A www.example."])
  })

  it("abandons the question when all who asked have gone", () => {
    const { log } = run(
      { [first]: zoneServer(zone, { afterMs: 1000 }) },
      one,
      (stub) => Effect.andThen(Effect.timeoutOption(ask(stub, "www.example"), 300), Effect.sleep(5_000))
    )
    assert.strictEqual(log.at(-1), "300 udp 192.0.2.1:53 close")
  })

  it("asks anew with refresh, and keeps what it learns", () => {
    const { asked } = run(
      { [first]: zoneServer(zone) },
      one,
      (stub) =>
        Effect.all([
          ask(stub, "www.example"),
          ask(stub, "www.example", codes.A, { refresh: true }),
          ask(stub, "www.example")
        ])
    )
    assert.deepStrictEqual(asked, ["0 A www.example.", "10 A www.example."])
  })

  it("forgets on flush", () => {
    const { asked } = run(
      { [first]: zoneServer(zone) },
      one,
      (stub) => Effect.all([ask(stub, "www.example"), stub.flush(name("example")), ask(stub, "www.example")])
    )
    assert.strictEqual(asked.length, 2)
  })

  it("asks the next server when one fails, and no other for a name that does not exist", () => {
    const failing = { udp: (query: Uint8Array) => [[5, failure(query, Message.rcodes.SERVFAIL)] as const] }
    const { asked, value } = run(
      { [first]: failing, [second]: zoneServer(zone) },
      two,
      (stub) => ask(stub, "gone.example")
    )
    assert.strictEqual(value.server, "udp://192.0.2.2:53")
    assert.deepStrictEqual(asked, ["0 A gone.example.", "5 A gone.example."])
    assert.deepStrictEqual(
      value.attempts.map(({ endedAtMs, outcome, startedAtMs }) => [startedAtMs, endedAtMs, outcome]),
      [
        [0, 5, "failed"],
        [5, 15, "answered"]
      ]
    )
  })

  it("asks the next server when one is silent, and remembers for a while", () => {
    const { asked, value } = run({ [second]: zoneServer(zone) }, two, (stub) =>
      Effect.gen(function*() {
        const slow = yield* ask(stub, "www.example")
        const begun = yield* Clock.currentTimeMillis
        yield* ask(stub, "v4only.example")
        return [slow.server, (yield* Clock.currentTimeMillis) - begun]
      }))
    assert.deepStrictEqual(value, ["udp://192.0.2.2:53", 10])
    assert.deepStrictEqual(
      asked,
      ["0 A www.example.", "1000 A www.example.", "1000 A www.example.", "1010 A v4only.example."]
    )
  })

  it("says of every server why it did not answer", () => {
    const refusing = { udp: (query: Uint8Array) => [[5, failure(query, Message.rcodes.REFUSED)] as const] }
    const { value } = run(
      { [first]: refusing, [second]: { udpFails: "Refused" } },
      two,
      (stub) => Effect.flip(ask(stub, "www.example", codes.AAAA))
    )
    assert.strictEqual(
      value.message,
      "no answer for AAAA www.example: udp://192.0.2.1:53 answered REFUSED; " +
        "udp://192.0.2.2:53 refused the query (ECONNREFUSED)"
    )
    assert.strictEqual(value.reason, "Refused")
  })

  it("gives up on one silent server after two rounds of 5 s, and on the whole when its time is up", () => {
    const elapsed = (options: StubResolver.Options) =>
      run({}, one, (stub) => Effect.andThen(Effect.flip(ask(stub, "www.example")), Clock.currentTimeMillis), options)
        .value
    assert.strictEqual(elapsed({}), 10_000)
    assert.strictEqual(elapsed({ timeout: Duration.seconds(3) }), 3_000)
    const { value } = run({}, one, (stub) => Effect.flip(ask(stub, "www.example")), { timeout: Duration.seconds(3) })
    assert.strictEqual(value.message, "no answer for A www.example: udp://192.0.2.1:53 did not answer in 3000 ms")
  })

  it("remembers a failure for a second, and no longer", () => {
    const { asked } = run(
      { [first]: { udp: (query) => [[5, failure(query, 2)]] } },
      one,
      (stub) =>
        Effect.gen(function*() {
          yield* Effect.exit(ask(stub, "www.example"))
          yield* Effect.exit(ask(stub, "www.example"))
          yield* Effect.sleep(1_000)
          yield* Effect.exit(ask(stub, "www.example"))
        })
    )
    assert.deepStrictEqual(asked, ["0 A www.example.", "1005 A www.example."])
  })

  it("says so where there is no name server at all", () => {
    const { value } = run({}, { servers: [] }, (stub) => Effect.flip(ask(stub, "www.example")))
    assert.strictEqual(value.message, "no answer for A www.example: there is no name server")
  })

  it("gives what no longer holds when the servers are down, and asks on off the caller's path", () => {
    let up = true
    const moody = { udp: (query: Uint8Array) => up ? zoneServer(zone).udp?.(query, 0) ?? [] : [] }
    const { value } = run({ [first]: moody }, one, (stub) =>
      Effect.gen(function*() {
        yield* ask(stub, "www.example")
        yield* Effect.sleep(100_000)
        up = false
        const begun = yield* Clock.currentTimeMillis
        const stale = yield* ask(stub, "www.example")
        const waited = (yield* Clock.currentTimeMillis) - begun
        up = true
        yield* Effect.sleep(20_000)
        return [stale.stale, stale.ttl, waited, (yield* ask(stub, "www.example")).stale]
      }), { staleFor: Duration.days(1) })
    assert.deepStrictEqual(value, [true, 30, 1_800, false])
  })

  it("asks anew before an answer in use expires, where prefetch is on", () => {
    const { asked } = run({ [first]: zoneServer(zone) }, one, (stub) =>
      Effect.gen(function*() {
        yield* ask(stub, "www.example")
        yield* Effect.sleep(55_000)
        yield* ask(stub, "www.example")
        yield* Effect.sleep(30_000)
        return (yield* ask(stub, "www.example")).source
      }), { prefetch: true })
    assert.deepStrictEqual(asked, ["0 A www.example.", "55010 A www.example."])
  })

  it("answers from the hosts file before DNS, for both families", () => {
    const hosts = Effect.succeed(HostsFile.parse("192.0.2.7 db"))
    const { asked, value } = run(
      { [first]: zoneServer(zone) },
      one,
      (stub) => Effect.all([ask(stub, "db"), ask(stub, "db", codes.AAAA)]),
      { hosts }
    )
    assert.deepStrictEqual(value.map(data), [["192.0.2.7"], []])
    assert.deepStrictEqual(value.map(({ server }) => server), ["local", "local"])
    assert.deepStrictEqual(asked, [])
  })

  it("looks in the hosts file after DNS where the system says so", () => {
    const hosts = Effect.succeed(HostsFile.parse("192.0.2.7 www.example db.example"))
    const config: StubResolver.Config = { ...one, order: ["dns", "files"] }
    const { value } = run(
      { [first]: zoneServer(zone) },
      config,
      (stub) => Effect.all([ask(stub, "www.example"), ask(stub, "db.example")]),
      { hosts }
    )
    assert.deepStrictEqual(value.map(data), [["192.0.2.80"], ["192.0.2.7"]])
  })

  it("tells no server of localhost, invalid and onion", () => {
    const { asked, value } = run(
      { [first]: zoneServer(zone) },
      one,
      (stub) =>
        Effect.forEach(["localhost", "x.localhost", "x.invalid", "abc.onion"], (text) => ask(stub, text, codes.AAAA))
    )
    assert.deepStrictEqual(value.map(data), [["::1"], ["::1"], [], []])
    assert.deepStrictEqual(value.map(({ rcode }) => rcode), [0, 0, 3, 3])
    assert.deepStrictEqual(asked, [])
  })

  it("asks the servers of the new configuration after a change, and forgets and closes the old ones", () => {
    let current: StubResolver.Config = { servers: [server(`tcp://${first}`)] }
    const other = zoneServer(["www.example. 60 IN A 192.0.2.99"])
    const { log, value } = run(
      { [first]: zoneServer(zone), [second]: other },
      Effect.sync(() => current),
      (stub) =>
        Effect.gen(function*() {
          const before = yield* ask(stub, "www.example")
          current = { servers: [server(second)] }
          yield* ask(stub, "v4only.example")
          const after = yield* ask(stub, "www.example")
          yield* Effect.sleep(1_000)
          return [before, after].map(data)
        })
    )
    assert.deepStrictEqual(value, [["192.0.2.80"], ["192.0.2.99"]])
    assert.include(log, `10 tcp ${first} #0 close`)
  })
})

describe("Upstream", () => {
  const tls = "tls://192.0.2.1:853"

  it("never steps down from an encrypted server", () => {
    const servers = { "192.0.2.1:853": { connectFails: "Tls" as const }, [first]: zoneServer(zone) }
    const { asked, value } = run(servers, { servers: [server(tls)] }, (stub) => Effect.flip(ask(stub, "www.example")))
    assert.strictEqual(
      value.message,
      "no answer for A www.example: tls://192.0.2.1:853 could not be verified: has the wrong key"
    )
    assert.deepStrictEqual(asked, [])
  })

  it("steps down one by one with the opportunistic profile, and says over what it came", () => {
    const servers = { "192.0.2.1:853": { connectFails: "Refused" as const }, [first]: zoneServer(zone) }
    const { value } = run(
      servers,
      { servers: [server(`${tls}?profile=opportunistic`)] },
      (stub) => ask(stub, "www.example")
    )
    assert.deepStrictEqual([value.server, value.transport], ["udp://192.0.2.1:53", "udp"])
    assert.deepStrictEqual(value.attempts.map(({ outcome, server }) => `${server} ${outcome}`), [
      "tls://192.0.2.1:853 failed",
      "tls://192.0.2.1:853 failed",
      "udp://192.0.2.1:53 answered"
    ])
  })

  it("stays with TLS of an opportunistic server that is only slow", () => {
    const servers = { "192.0.2.1:853": { ...zoneServer(zone, { afterMs: 3_000 }) }, [first]: zoneServer(zone) }
    const { value } = run(
      servers,
      { servers: [server(`${tls}?profile=opportunistic`)] },
      (stub) => ask(stub, "www.example")
    )
    assert.strictEqual(value.transport, "tls")
  })

  it("does not prefer clear text for its speed", () => {
    let up = false
    const slow = {
      get connectFails() {
        return up ? undefined : "Refused" as const
      },
      provesNothing: true,
      ...zoneServer(zone, { afterMs: 200 })
    }
    const servers = { "192.0.2.1:853": slow as FakeServer, [first]: zoneServer(zone) }
    const { value } = run(
      servers,
      { servers: [server(`${tls}?profile=opportunistic`)] },
      (stub) =>
        Effect.gen(function*() {
          const transports = [(yield* ask(stub, "www.example")).transport]
          up = true
          yield* Effect.sleep(10_000)
          for (let i = 0; i < 3; i++) {
            transports.push((yield* ask(stub, "www.example", codes.A, { refresh: true })).transport)
          }
          return transports
        })
    )
    assert.deepStrictEqual(value, ["udp", "tls", "tls", "tls"])
  })

  it("takes servers in turn where rotate is on", () => {
    const { value } = run(
      { [first]: zoneServer(zone), [second]: zoneServer(zone) },
      { ...two, rotate: true },
      (stub) =>
        Effect.forEach(
          [1, 2, 3, 4],
          () => Effect.map(ask(stub, "www.example", codes.A, { refresh: true }), (r) => r.server.at(-4))
        )
    )
    assert.deepStrictEqual(value, ["1", "2", "1", "2"])
  })

  it("prefers a server that is more than twice as fast, and not for a small difference", () => {
    const used = (firstMs: number, secondMs: number) =>
      run({ [first]: zoneServer(zone, { afterMs: firstMs }), [second]: zoneServer(zone, { afterMs: secondMs }) }, {
        ...two,
        rotate: true
      }, (stub) =>
        Effect.map(
          Effect.forEach([1, 2, 3, 4, 5, 6], () => ask(stub, "www.example", codes.A, { refresh: true })),
          (all) => all.slice(2).filter(({ server }) => server.includes(".2:")).length
        )).value
    assert.strictEqual(used(100, 10), 4)
    assert.strictEqual(used(20, 10), 2)
  })

  it("puts a server that failed last for 5 s, then first again", () => {
    let down = true
    const moody = { udp: (query: Uint8Array) => down ? [] : zoneServer(zone).udp?.(query, 0) ?? [] }
    const { value } = run({ [first]: moody, [second]: zoneServer(zone) }, two, (stub) =>
      Effect.gen(function*() {
        yield* ask(stub, "www.example")
        down = false
        const avoided = yield* ask(stub, "www.example", codes.A, { refresh: true })
        yield* Effect.sleep(5_000)
        return [avoided.server, (yield* ask(stub, "www.example", codes.A, { refresh: true })).server]
      }))
    assert.deepStrictEqual(value, ["udp://192.0.2.2:53", "udp://192.0.2.1:53"])
  })
})

describe("StubResolver.layerResolver", () => {
  const resolver = (stub: Stub) =>
    Effect.provide(
      Resolver,
      StubResolver.StubResolver.layerResolver.pipe(Layer.provide(Layer.succeed(StubResolver.StubResolver, stub)))
    )
  const collect = (stub: Stub, text: string, refresh = false) =>
    Effect.flatMap(
      resolver(stub),
      ({ resolve }) =>
        Stream.runCollect(Stream.mapEffect(resolve({ name: name(text), types: ["AAAA", "A"], refresh }), (answer) =>
          Effect.map(Clock.currentTimeMillis, (now) =>
            `${now} ${describeAnswer(answer)}`)))
    )
  const describeAnswer = (answer: Answer) =>
    answer._tag === "Addresses"
      ? `${answer.type} ${answer.addresses.map(NetAddress.formatIp).join(" ")} ${answer.source} ${
        answer.ttl === undefined ? "-" : Duration.toSeconds(answer.ttl)
      }`
      : `${answer.type} ${answer._tag === "Failed" ? answer.error.reason : ""} ${answer.source}`

  it("asks for AAAA, then A at once after it, and gives each answer as it arrives", () => {
    const slowV6 = {
      udp: (query: Uint8Array) =>
        (zoneServer(zone).udp?.(query, 0) ?? []).map(([, bytes]) =>
          [questionOf(query)?.type === codes.AAAA ? 300 : 20, bytes] as const
        )
    }
    const { asked, value } = run({ [first]: slowV6 }, one, (stub) => collect(stub, "www.example."))
    assert.deepStrictEqual(asked, ["0 AAAA www.example.", "0 A www.example."])
    assert.deepStrictEqual(value, ["20 A 192.0.2.80 network 60", "300 AAAA 2001:db8::80 network 60"])
  })

  it("gives failures as answers, one family apart from the other", () => {
    const half = {
      udp: (query: Uint8Array) =>
        questionOf(query)?.type === codes.AAAA
          ? [[5, failure(query, 2)] as const]
          : zoneServer(zone).udp?.(query, 0) ?? []
    }
    const { value } = run({ [first]: half }, one, (stub) => collect(stub, "www.example."))
    assert.deepStrictEqual(value, ["5 AAAA ServerFailure network", "10 A 192.0.2.80 network 60"])
  })

  it("says local and cache where that is so", () => {
    const { value } = run({ [first]: zoneServer(zone) }, one, (stub) =>
      Effect.gen(function*() {
        yield* collect(stub, "www.example.")
        return [...yield* collect(stub, "localhost"), ...yield* collect(stub, "www.example.")]
      }))
    assert.deepStrictEqual(value, [
      "10 AAAA ::1 local -",
      "10 A 127.0.0.1 local -",
      "10 AAAA 2001:db8::80 cache 60",
      "10 A 192.0.2.80 cache 60"
    ])
  })

  const cluster: StubResolver.Config = {
    ...one,
    ndots: 5,
    search: ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local"].map(name)
  }

  it("finds a short name in a cluster with two questions", () => {
    const { asked, value } = run(
      { [first]: zoneServer(["db.ns.svc.cluster.local. 5 IN A 10.0.0.7"]) },
      cluster,
      (stub) => collect(stub, "db")
    )
    assert.deepStrictEqual(asked, ["0 AAAA db.ns.svc.cluster.local.", "0 A db.ns.svc.cluster.local."])
    assert.deepStrictEqual(value.toSorted(), ["10 A 10.0.0.7 network 5", "10 AAAA NotFound network"])
  })

  it("goes through the search list for an outside name, and asks no more the second time", () => {
    const { asked, value } = run(
      { [first]: zoneServer(zone) },
      cluster,
      (stub) => Effect.andThen(collect(stub, "www.example"), collect(stub, "www.example"))
    )
    assert.strictEqual(asked.length, 8)
    assert.deepStrictEqual(asked.slice(-2), ["30 AAAA www.example.", "30 A www.example."])
    assert.deepStrictEqual(value, ["40 AAAA 2001:db8::80 cache 60", "40 A 192.0.2.80 cache 60"])
  })

  it("takes NXDOMAIN for AAAA while A exists for one family only", () => {
    const broken = {
      udp: (query: Uint8Array) =>
        questionOf(query)?.type === codes.AAAA
          ? [[5, failure(query, 3)] as const]
          : zoneServer(zone).udp?.(query, 0) ?? []
    }
    const { value } = run(
      { [first]: broken },
      { ...one, search: [name("corp.example")], ndots: 1 },
      (stub) => collect(stub, "www.example")
    )
    assert.deepStrictEqual(value, ["10 AAAA NotFound network", "10 A 192.0.2.80 network 60"])
  })

  it("reports a failed server rather than a missing name after a search", () => {
    const moody = {
      udp: (query: Uint8Array) =>
        questionOf(query)?.name === "db.a.example."
          ? [[5, failure(query, 2)] as const]
          : zoneServer([]).udp?.(query, 0) ?? []
    }
    const { value } = run(
      { [first]: moody },
      { ...one, search: [name("a.example"), name("b.example")] },
      (stub) => collect(stub, "db")
    )
    assert.deepStrictEqual(value, ["25 AAAA ServerFailure network", "25 A ServerFailure network"])
  })

  it("does not wait for AAAA of a name that does not exist", () => {
    const half = {
      udp: (query: Uint8Array) => questionOf(query)?.type === codes.AAAA ? [] : zoneServer(zone).udp?.(query, 0) ?? []
    }
    const { value } = run(
      { [first]: half },
      { ...one, search: [name("corp.example")] },
      (stub) =>
        Effect.all([
          collect(stub, "gone."),
          collect(stub, "gone"),
          collect(stub, "v4only.example.").pipe(Effect.timeoutOption(1_000))
        ])
    )
    assert.deepStrictEqual(value[0].toSorted(), ["10 A NotFound network", "10 AAAA NotFound network"])
    assert.deepStrictEqual(value[1].toSorted(), ["20 A NotFound cache", "20 AAAA NotFound cache"])
    assert.strictEqual(value[2]._tag, "None")
  })

  it("begins with another of three replicas each time", () => {
    const lines = [1, 2, 3].map((last) => `www.example. 3600 IN A 192.0.2.${last}`)
    const { value } = run({ [first]: zoneServer(lines) }, one, (stub) =>
      Effect.map(
        Effect.forEach(Array.from({ length: 300 }), () => Effect.map(ask(stub, "www.example"), (r) => data(r)[0])),
        (firsts) => [1, 2, 3].map((last) => firsts.filter((address) => address === `192.0.2.${last}`).length)
      ))
    for (const count of value) assert.isTrue(count >= 99 && count <= 101, String(value))
  })
})

describe("StubResolver.layerDns", () => {
  const dns = (stub: Stub) =>
    Effect.provide(
      Dns.Dns,
      StubResolver.StubResolver.layerDns.pipe(Layer.provide(Layer.succeed(StubResolver.StubResolver, stub)))
    )
  const using = <A, E>(use: (service: Dns.Dns["Service"]) => Effect.Effect<A, E>, hosts = "") =>
    run(
      { [first]: zoneServer(zone) },
      { ...one, search: [name("example")] },
      (stub) => Effect.flatMap(dns(stub), use),
      {
        hosts: Effect.succeed(HostsFile.parse(hosts))
      }
    ).value

  it("looks up both families or one, through the search list and the hosts file", () => {
    const addresses = using((service) =>
      Effect.map(
        Effect.all([service.lookup("www"), service.lookup("www.example", { family: "IPv4" }), service.lookup("db")]),
        (all) => all.map((list) => list.map(NetAddress.formatIp))
      ), "192.0.2.7 db")
    assert.deepStrictEqual(addresses, [["2001:db8::80", "192.0.2.80"], ["192.0.2.80"], ["192.0.2.7"]])
  })

  it("answers for one family where the other has none, and fails where both have none", () => {
    assert.deepStrictEqual(using((service) => service.lookup("v4only.example")).map(NetAddress.formatIp), [
      "192.0.2.81"
    ])
    const error = using((service) => Effect.flip(service.lookup("gone.example")))
    assert.deepStrictEqual([error.reason, error.method, error.hostname], ["NotFound", "lookup", "gone.example"])
  })

  it("resolves records of a type, as fully qualified values", () => {
    const records = using((service) =>
      Effect.all([
        service.resolve("mail.example", "MX"),
        service.resolve("_x._tcp.example", "SRV"),
        service.resolve("alias.example", "CNAME")
      ])
    )
    assert.deepStrictEqual(records.flat().map(Dns.formatRecord), [
      "MX 10 www.example.",
      "SRV 1 2 8080 www.example.",
      "CNAME www.example."
    ])
    assert.strictEqual(using((service) => Effect.flip(service.resolve("www.example", "TXT"))).reason, "NotFound")
  })

  it("finds the names of an address in the hosts file, in DNS, or by itself", () => {
    const names = using(
      (service) =>
        Effect.all([service.reverse("192.0.2.7"), service.reverse("192.0.2.80"), service.reverse("127.0.0.1")]),
      "192.0.2.7 db.example db"
    )
    assert.deepStrictEqual(names, [[name("db.example"), name("db")], [name("www.example.")], [name("localhost")]])
  })
})
