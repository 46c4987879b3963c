import { assert, describe, it } from "@effect/vitest"
import * as Resolver from "@happy-eyeballs/core/Resolver"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as NodeResolver from "../src/NodeResolver.ts"

type Answer = ReadonlyArray<NetAddress.IpAddress>

const name = Host.domainNameFromStringUnsafe
const v4 = [NetAddress.ipFromStringUnsafe("192.0.2.1")]
const v6 = [NetAddress.ipFromStringUnsafe("2001:db8::1")]

/** Lets every fiber that can run do so. */
const settle = Effect.callback<void>((resume) => {
  setImmediate(() => setImmediate(() => resume(Effect.void)))
})

/** A system whose lookups end when the test says so. */
const system = (options?: NodeResolver.Options) => {
  const started: Array<string> = []
  const pending = new Map<string, Deferred.Deferred<Answer, Dns.DnsError>>()
  let mostAtOnce = 0
  const resolver = NodeResolver.make((host, family) => {
    const key = `${host} ${family}`
    const deferred = Deferred.makeUnsafe<Answer, Dns.DnsError>()
    return Effect.suspend(() => {
      started.push(key)
      pending.set(key, deferred)
      mostAtOnce = Math.max(mostAtOnce, pending.size)
      return Effect.ensuring(Deferred.await(deferred), Effect.sync(() => pending.delete(key)))
    })
  }, options)
  const ask = (host: string, ...types: ReadonlyArray<"A" | "AAAA">) => {
    const heard: Array<Resolver.Answer> = []
    return Effect.map(
      Effect.forkChild(
        Stream.runForEach(
          resolver.resolve({ name: name(host), types: types as [("A" | "AAAA")] }),
          (answer) => Effect.sync(() => heard.push(answer))
        ),
        { startImmediately: true }
      ),
      (fiber) => ({ fiber, heard })
    )
  }
  return {
    resolver,
    started,
    ask,
    mostAtOnce: () => mostAtOnce,
    running: () => [...pending.keys()],
    end: (key: string, answer: Answer | Dns.DnsError) => {
      const deferred = pending.get(key)
      assert.isDefined(deferred, `${key} is not being looked up`)
      return Effect.andThen(
        answer instanceof Dns.DnsError ? Deferred.fail(deferred, answer) : Deferred.succeed(deferred, answer),
        settle
      )
    }
  }
}

const said = (answers: ReadonlyArray<Resolver.Answer>) =>
  answers.map((answer) =>
    answer._tag === "Addresses" ?
      `${answer.type} ${answer.addresses.map(NetAddress.formatIp).join()}` :
      `${answer.type} ${answer._tag === "Failed" ? answer.error.reason : ""}`
  )

const notFound = new Dns.DnsError({ reason: "NotFound", method: "lookup", hostname: "dual.example" })

describe("NodeResolver.make", () => {
  it.effect("asks both families at once and gives each answer when it comes", () =>
    Effect.gen(function*() {
      const { ask, end, started } = system()
      const { fiber, heard } = yield* ask("dual.example", "AAAA", "A")
      yield* settle
      assert.deepStrictEqual(started, ["dual.example IPv6", "dual.example IPv4"])
      yield* end("dual.example IPv4", v4)
      assert.deepStrictEqual(said(heard), ["A 192.0.2.1"])
      assert.deepInclude({ ...heard[0] }, { source: "system", ttl: undefined, owner: "dual.example" })
      yield* end("dual.example IPv6", notFound)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(said(heard), ["A 192.0.2.1", "AAAA NotFound"])
    }))

  it.effect("looks a name up once for all who ask for it meanwhile, and again for who asks later", () =>
    Effect.gen(function*() {
      const { ask, end, started } = system()
      const callers = yield* Effect.forEach([1, 2, 3], () => ask("dual.example", "AAAA"))
      yield* settle
      yield* end("dual.example IPv6", v6)
      for (const { fiber, heard } of callers) {
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(said(heard), ["AAAA 2001:db8::1"])
      }
      assert.lengthOf(started, 1)
      yield* ask("dual.example", "AAAA")
      yield* settle
      assert.lengthOf(started, 2)
    }))

  it.effect("lets an interrupted caller go at once, and nobody else", () =>
    Effect.gen(function*() {
      const { ask, end, running } = system()
      const stays = yield* ask("dual.example", "AAAA")
      const goes = yield* ask("dual.example", "AAAA")
      yield* settle
      yield* Fiber.interrupt(goes.fiber)
      assert.deepStrictEqual(running(), ["dual.example IPv6"])
      yield* end("dual.example IPv6", v6)
      yield* Fiber.join(stays.fiber)
      assert.deepStrictEqual(said(stays.heard), ["AAAA 2001:db8::1"])
      assert.deepStrictEqual(said(goes.heard), [])
    }))

  it.effect("bounds the lookups that run at once, in the order they were asked for", () =>
    Effect.gen(function*() {
      const { ask, end, mostAtOnce, running, started } = system({ maxLookups: 2 })
      const names = ["a.example", "b.example", "c.example", "d.example"]
      const callers = yield* Effect.forEach(names, (name) => ask(name, "A"))
      yield* settle
      assert.deepStrictEqual(running(), ["a.example IPv4", "b.example IPv4"])
      yield* end("b.example IPv4", v4)
      assert.deepStrictEqual(running(), ["a.example IPv4", "c.example IPv4"])
      for (const name of ["a.example", "c.example", "d.example"]) yield* end(`${name} IPv4`, v4)
      for (const { fiber } of callers) yield* Fiber.join(fiber)
      assert.deepStrictEqual(started, names.map((name) => `${name} IPv4`))
      assert.strictEqual(mostAtOnce(), 2)
    }))

  it.effect("forgets a lookup that nobody waits for and that has not begun, and holds the place of one that has", () =>
    Effect.gen(function*() {
      const { ask, end, running, started } = system({ maxLookups: 1 })
      const first = yield* ask("a.example", "A")
      const second = yield* ask("b.example", "A")
      const third = yield* ask("c.example", "A")
      yield* settle
      yield* Fiber.interrupt(first.fiber)
      yield* Fiber.interrupt(second.fiber)
      assert.deepStrictEqual(running(), ["a.example IPv4"])
      const again = yield* ask("a.example", "A")
      yield* settle
      yield* end("a.example IPv4", v4)
      yield* Fiber.join(again.fiber)
      assert.deepStrictEqual(said(again.heard), ["A 192.0.2.1"])
      yield* end("c.example IPv4", v4)
      yield* Fiber.join(third.fiber)
      assert.deepStrictEqual(started, ["a.example IPv4", "c.example IPv4"])
      yield* ask("b.example", "A")
      yield* settle
      assert.deepStrictEqual(running(), ["b.example IPv4"])
    }))
})

describe("NodeResolver.make, for localhost", () => {
  it.effect("answers with the loopback addresses and asks nobody", () =>
    Effect.gen(function*() {
      const { ask, started } = system()
      for (const host of ["localhost", "localhost.", "a.localhost"]) {
        const { fiber, heard } = yield* ask(host, "AAAA", "A")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(said(heard).toSorted(), ["A 127.0.0.1", "AAAA ::1"])
        for (const { source } of heard) assert.strictEqual(source, "local")
      }
      assert.deepStrictEqual(started, [])
      yield* ask("notlocalhost", "A")
      yield* settle
      assert.deepStrictEqual(started, ["notlocalhost IPv4"])
    }))
})

describe("NodeResolver.defaultMaxLookups", () => {
  it("leaves one of libuv's threads for slow work to others, where there are three or more", () => {
    const table: ReadonlyArray<readonly [string | undefined, number]> = [
      [undefined, 2],
      ["4", 2],
      ["1", 2],
      ["0", 2],
      ["nonsense", 2],
      ["6", 2],
      ["7", 3],
      ["8", 3],
      ["16", 7],
      ["100000", 511]
    ]
    for (const [threads, expected] of table) {
      assert.strictEqual(NodeResolver.defaultMaxLookups(threads), expected, threads)
    }
  })
})

describe("NodeResolver.layer", () => {
  it.live("answers a name of the hosts file", () =>
    Effect.gen(function*() {
      const file = process.platform === "win32" ? "C:\\Windows\\System32\\drivers\\etc\\hosts" : "/etc/hosts"
      const known = Array.from(Host.parseHostsFile(Fs.readFileSync(file, "utf8")))
        .find(([name, addresses]) => !name.includes("localhost") && addresses.some(NetAddress.isIpv4Address))
      if (known === undefined) return console.log("skipped: the hosts file has no IPv4 address but that of localhost")
      const [host, addresses] = known
      const { resolve } = yield* Resolver.Resolver
      // The other family is not asked for: where the hosts file has none, the system asks its name server.
      const [answer] = yield* Stream.runCollect(resolve({ name: host, types: ["A"] }))
      assert.deepInclude({ ...answer }, { owner: host, type: "A", source: "system" })
      assert.deepStrictEqual(
        answer?._tag === "Addresses" ? new Set(answer.addresses.map(NetAddress.formatIp)) : answer,
        new Set(addresses.filter(NetAddress.isIpv4Address).map(NetAddress.formatIp))
      )
    }).pipe(Effect.provide(NodeResolver.layer)))
})
