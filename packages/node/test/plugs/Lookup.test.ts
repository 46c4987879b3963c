import { assert, describe, it } from "@effect/vitest"
import { Resolver, SourceAddress } from "@happy-eyeballs/core"
import { VirtualTime } from "@happy-eyeballs/core/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import got from "got"
import * as NodeDnsModule from "node:dns"
import { once } from "node:events"
import * as Http from "node:http"
import * as Net from "node:net"
import { promisify } from "node:util"
import { addressesOf } from "../../src/internal/plugs/addressesOf.ts"
import * as NodeDns from "../../src/NodeDns.ts"
import type { NodeError } from "../../src/NodeError.ts"
import * as NodeLookup from "../../src/NodeLookup.ts"
import { scopeIds } from "../../src/NodeScopeIds.ts"
import * as Servers from "../fixtures/Servers.ts"
import * as Web from "./support/http.ts"

type Said = { readonly addresses: ReadonlyArray<string> } | { readonly reason: Dns.DnsErrorReason }

/** What a name server says of a name, for each type, and after how long; nothing at all where it is not named. */
type World = Record<string, Partial<Record<"A" | "AAAA", Said & { readonly afterMs?: number }>>>

const world: World = {
  "dual.example": { AAAA: { addresses: ["::1"] }, A: { addresses: ["127.0.0.1", "127.0.0.2"] } },
  "v4.example": { AAAA: { addresses: [] }, A: { addresses: ["127.0.0.1"] } },
  "nowhere.example": { AAAA: { reason: "NotFound" }, A: { reason: "NotFound" } },
  "unsure.example": { AAAA: { reason: "NotFound" }, A: { reason: "ServerFailure" } },
  "blocked.example": { AAAA: { addresses: ["::"] }, A: { addresses: ["0.0.0.0"] } },
  "deaf.example": { A: { addresses: ["127.0.0.1"], afterMs: 20 } },
  "slow.example": { AAAA: { addresses: ["::1"] }, A: { addresses: ["127.0.0.1"], afterMs: 3000 } },
  "late.example": { AAAA: { addresses: ["::1"], afterMs: 40 }, A: { addresses: ["127.0.0.1"] } },
  "mute.example": {}
}

const resolver = Layer.succeed(Resolver.Resolver, {
  resolve: ({ name, types }) =>
    Stream.mergeAll(
      types.flatMap((type) => type === "HTTPS" ? [] : [type]).map((type) => {
        const said = world[name]?.[type]
        if (said === undefined) return Stream.never
        const common = { owner: name, type, ttl: undefined, source: "network" } as const
        const answer: Resolver.Answer = "reason" in said
          ? { ...common, _tag: "Failed", error: new Dns.DnsError({ ...said, method: "lookup", hostname: name }) }
          : { ...common, _tag: "Addresses", addresses: said.addresses.map(NetAddress.ipFromStringUnsafe) }
        return Stream.fromEffect(Effect.delay(Effect.succeed(answer), said.afterMs ?? 0))
      }),
      { concurrency: "unbounded" }
    )
})

type Result = readonly [code: string | null, address?: unknown, family?: number]

/** Calls a lookup with any arguments, and gives what it called back with. */
const called = (lookup: NodeLookup.Lookup, ...args: ReadonlyArray<unknown>) =>
  Effect.callback<Result>((resume) => {
    const callback = (error: NodeJS.ErrnoException | null, ...rest: [address?: unknown, family?: number]) =>
      resume(Effect.succeed([error === null ? null : error.code ?? error.message, ...rest]))
    Reflect.apply(lookup, undefined, [...args, callback])
  })

const v6 = { address: "::1", family: 6 }
const v4 = { address: "127.0.0.1", family: 4 }
const other = { address: "127.0.0.2", family: 4 }

describe("NodeLookup.make", () => {
  const signatures: ReadonlyArray<readonly [what: string, args: ReadonlyArray<unknown>, result: Result]> = [
    ["a name alone", ["dual.example"], [null, "::1", 6]],
    ["a family alone", ["dual.example", 4], [null, "127.0.0.1", 4]],
    ["any family alone", ["dual.example", 0], [null, "::1", 6]],
    ["no options", ["dual.example", undefined], [null, "::1", 6]],
    ["options that are null", ["dual.example", null], [null, "::1", 6]],
    ["empty options", ["dual.example", {}], [null, "::1", 6]],
    ["family 6", ["dual.example", { family: 6 }], [null, "::1", 6]],
    ["family \"IPv4\"", ["dual.example", { family: "IPv4" }], [null, "127.0.0.1", 4]],
    ["family and all", ["dual.example", { family: 4, all: true }], [null, [v4, other]]],
    ["all", ["dual.example", { all: true }], [null, [v6, v4, other]]],
    ["order ipv4first", ["dual.example", { all: true, order: "ipv4first" }], [null, [v4, other, v6]]],
    ["order ipv6first", ["dual.example", { all: true, order: "ipv6first" }], [null, [v6, v4, other]]],
    ["verbatim false", ["dual.example", { verbatim: false }], [null, "127.0.0.1", 4]],
    ["order before verbatim", ["dual.example", { verbatim: false, order: "verbatim" }], [null, "::1", 6]],
    ["hints", ["dual.example", { hints: NodeDnsModule.ADDRCONFIG }], [null, "::1", 6]],
    ["a name without addresses of the family", ["v4.example", 6], ["ENOTFOUND"]],
    ["a name that does not exist", ["nowhere.example"], ["ENOTFOUND"]],
    ["a name that may exist", ["unsure.example"], ["EAI_AGAIN"]],
    ["a name that is none", ["not a name"], ["ENOTFOUND"]],
    ["a name that a filter blocks", ["blocked.example", { all: true }], ["ENOTFOUND"]],
    ["an address", ["192.0.2.1"], [null, "192.0.2.1", 4]],
    ["an address and all", ["2001:db8::1", { all: true }], [null, [{ address: "2001:db8::1", family: 6 }]]]
  ]

  it.live.each(signatures)("calls back for %s", ([, args, result]) =>
    Effect.gen(function*() {
      const lookup = yield* NodeLookup.make()
      assert.deepStrictEqual(yield* called(lookup, ...args), result)
    }).pipe(Effect.provide(resolver)))

  it.live("follows the order that the process chose", () =>
    Effect.gen(function*() {
      const lookup = yield* NodeLookup.make()
      yield* Effect.addFinalizer(() => Effect.sync(() => NodeDnsModule.setDefaultResultOrder("verbatim")))
      NodeDnsModule.setDefaultResultOrder("ipv4first")
      assert.deepStrictEqual(yield* called(lookup, "dual.example"), [null, "127.0.0.1", 4])
    }).pipe(Effect.provide(resolver)))

  it.live("says of wrong arguments what Node says", () =>
    Effect.gen(function*() {
      const lookup = yield* NodeLookup.make()
      const wrong: ReadonlyArray<ReadonlyArray<unknown>> = [
        ["localhost"],
        ["localhost", 4, "no function"],
        ["localhost", 5, () => {}],
        ["localhost", { family: "IPv5" }, () => {}],
        ["localhost", { all: 1 }, () => {}],
        ["localhost", { order: "any" }, () => {}],
        ["localhost", { hints: -1 }, () => {}],
        ["localhost", "options", () => {}],
        [7, () => {}]
      ]
      const thrown = (lookup: NodeLookup.Lookup, args: ReadonlyArray<unknown>) => {
        try {
          Reflect.apply(lookup, undefined, args)
          return undefined
        } catch (error) {
          return String(error)
        }
      }
      for (const args of wrong) {
        assert.isString(thrown(lookup, args))
        assert.strictEqual(thrown(lookup, args), thrown(NodeDnsModule.lookup, args))
      }
    }).pipe(Effect.provide(resolver)))

  it.live("is promisified as Node's is", () =>
    Effect.gen(function*() {
      const lookup = promisify(yield* NodeLookup.make())
      assert.deepStrictEqual(yield* Effect.promise(() => lookup("dual.example")), v6)
      assert.deepStrictEqual(yield* Effect.promise(() => lookup("dual.example", { all: true })), [v6, v4, other])
      const error = yield* Effect.flip(Web.tried(() => lookup("nowhere.example")))
      assert.deepInclude(error as NodeError, { code: "ENOTFOUND", syscall: "getaddrinfo", hostname: "nowhere.example" })
    }).pipe(Effect.provide(resolver)))

  it.live("ends with its scope", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const lookup = yield* Scope.provide(NodeLookup.make(), scope)
      const codes: Array<unknown> = []
      lookup("mute.example", (error) => codes.push(error?.code))
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      lookup("dual.example", (error) => codes.push(error?.code))
      yield* Web.until(() => codes.length === 2)
      assert.deepStrictEqual(codes, ["ECANCELLED", "ECANCELLED"])
    }).pipe(Effect.provide(resolver)))

  it.live("serves clients that take a lookup", () =>
    Effect.gen(function*() {
      const lookup = yield* NodeLookup.make()
      const site = yield* Web.site()
      const response = yield* Effect.callback<Http.IncomingMessage>((resume) => {
        Http.get(Web.url("http", site), { lookup, agent: false }, (response) => resume(Effect.succeed(response)))
      })
      assert.strictEqual(response.resume().statusCode, 200)
      const viaGot = yield* Web.tried(() => got(Web.url("http", site), { dnsLookup: lookup as never }).text())
      assert.strictEqual(viaGot, "hello from /")
    }).pipe(Effect.provide(resolver)))
})

describe("NodeLookup.layerGlobal", () => {
  it.live("answers for all that connects by name, until its scope closes", () =>
    Effect.gen(function*() {
      const before = NodeDnsModule.lookup
      const server = yield* Servers.tcp(Servers.silent)
      yield* Effect.gen(function*() {
        assert.notStrictEqual(NodeDnsModule.lookup, before)
        const socket = Net.connect({ host: "dual.example", port: server.port })
        yield* Effect.promise(() => once(socket, "connect"))
        assert.strictEqual(socket.remoteAddress, "127.0.0.1")
        socket.destroy()
      }).pipe(Effect.provide(Layer.provide(NodeLookup.layerGlobal(), resolver)), Effect.scoped)
      assert.strictEqual(NodeDnsModule.lookup, before)
    }))
})

describe("NodeDns.layer", () => {
  const lookup = (name: string, family?: NetAddress.IpFamily) =>
    Effect.flatMap(Dns.Dns, (dns) => dns.lookup(name, { family })).pipe(
      Effect.map((addresses) => addresses.map(NetAddress.formatIp)),
      Effect.provide(Layer.provide(NodeDns.layer(), resolver))
    )

  it.live("looks up addresses, of one family or both", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* lookup("dual.example"), ["::1", "127.0.0.1", "127.0.0.2"])
      assert.deepStrictEqual(yield* lookup("dual.example", "IPv4"), ["127.0.0.1", "127.0.0.2"])
      assert.strictEqual((yield* Effect.flip(lookup("v4.example", "IPv6"))).reason, "NotFound")
      assert.strictEqual((yield* Effect.flip(lookup("unsure.example"))).reason, "ServerFailure")
    }))

  it.live("says what a resolver cannot do", () =>
    Effect.gen(function*() {
      const dns = yield* Dns.Dns
      assert.strictEqual((yield* Effect.flip(dns.resolve("dual.example", "MX"))).reason, "Unsupported")
      assert.strictEqual((yield* Effect.flip(dns.reverse("127.0.0.1"))).reason, "Unsupported")
    }).pipe(Effect.provide(Layer.provide(NodeDns.layer(), resolver))))

  it.each([
    ["as soon as everybody has answered", "late.example", 40, ["::1", "127.0.0.1"]],
    ["50 ms after IPv4 where IPv6 does not answer", "deaf.example", 70, ["127.0.0.1"]],
    ["when IPv4 has answered, however late", "slow.example", 3000, ["::1", "127.0.0.1"]],
    ["after 10 s where nobody answers", "mute.example", 10_000, "Timeout"]
  ])("answers %s", (_, name, ms, expected) => {
    const program = Effect.gen(function*() {
      const resolver = yield* Resolver.Resolver
      const sources = yield* SourceAddress.SourceAddress
      const hostname = Host.domainNameFromStringUnsafe(name)
      return yield* Effect.timed(Effect.result(addressesOf(resolver, sources, hostname, undefined, {})))
    })
    const [took, result] = VirtualTime.runUnsafe(Effect.provide(program, resolver))
    assert.strictEqual(Duration.toMillis(took), ms)
    const said = Result.isSuccess(result) ? result.success.map(NetAddress.formatIp) : result.failure.reason
    assert.deepStrictEqual<unknown>(said, expected)
  })
})

describe("NodeDns.layerAddressResolver", () => {
  it.live("resolves endpoints, zones of this machine among them", () =>
    Effect.gen(function*() {
      const resolver = yield* AddressResolver.AddressResolver
      const text = (target: string) =>
        Effect.map(resolver.resolve(target), (addresses) => addresses.map(NetAddress.formatInet))
      assert.deepStrictEqual(yield* text("dual.example:80"), ["[::1]:80", "127.0.0.1:80", "127.0.0.2:80"])
      assert.deepStrictEqual(yield* text("[fe80::1%7]:80"), ["[fe80::1%7]:80"])
      for (const [name, id] of scopeIds()) {
        assert.deepStrictEqual(yield* text(`[fe80::1%${name}]:80`), [`[fe80::1%${id}]:80`])
      }
    }).pipe(Effect.provide(Layer.provide(NodeDns.layerAddressResolver(), resolver))))
})
