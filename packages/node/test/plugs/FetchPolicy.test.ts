import { assert, describe, it } from "@effect/vitest"
import { AddressPolicy, Dialer, Endpoint, Resolver } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as NodeDialer from "../../src/NodeDialer.ts"
import * as NodeFetch from "../../src/NodeFetch.ts"
import * as NodeHappyEyeballs from "../../src/NodeHappyEyeballs.ts"
import { inet } from "../fixtures/Endpoints.ts"
import * as Web from "./support/http.ts"

const hostOf = (address: NetAddress.IpAddress): string =>
  NetAddress.isIpv6Address(address) ? `[${NetAddress.formatIp(address)}]` : NetAddress.formatIp(address)

const hex = (octets: ReadonlyArray<number>): string =>
  [0, 2].map((at) => ((octets[at]! << 8) | octets[at + 1]!).toString(16)).join(":")

/** An IPv4 address in every IPv6 form that carries it. */
const embeddings = (address: NetAddress.Ipv4Address): ReadonlyArray<string> => {
  const octets = NetAddress.formatIp(address).split(".").map(Number)
  const inverted = hex(octets.map((octet) => octet ^ 0xff))
  return [
    `::ffff:${hex(octets)}`,
    `64:ff9b::${hex(octets)}`,
    `2002:${hex(octets)}::1`,
    `2001:0:808:404:0:0:${inverted}`,
    `2001:0:${hex(octets)}::1`
  ]
}

const ranges = AddressPolicy.specialPurpose.map(IpNetwork.fromStringUnsafe)

const ends = ranges.flatMap((network) =>
  [IpNetwork.firstAddress(network), IpNetwork.lastAddress(network)] as ReadonlyArray<NetAddress.IpAddress>
)

const deniedAddresses = [
  ...ends.map(NetAddress.formatIp),
  ...ends.filter(NetAddress.isIpv4Address).flatMap(embeddings)
]

const allowedAddresses = Array.from({ length: 80 }, (_, n) => [
  `${20 + n}.1.2.3`,
  `2a00:${n.toString(16)}::1`,
  `::ffff:${hex([30 + n, 9, 9, 9])}`
]).flat()

const literal = (address: string): string => hostOf(NetAddress.ipFromStringUnsafe(address))

/** Ways to write 127.0.0.1 and its like that a URL understands. */
const disguises = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "１２７.0.0.1", "127。0。0。1", "0"]

const answers: Record<string, ReadonlyArray<ReadonlyArray<string>>> = {
  // Only addresses that are denied.
  ...Object.fromEntries(deniedAddresses.map((address, n) => [`denied${n}.example`, [[address]]])),
  // One of each: what is allowed is raced, what is denied is not.
  ...Object.fromEntries(
    deniedAddresses.slice(0, 60).map((address, n) => [`mixed${n}.example`, [[address, allowedAddresses[n]!]]])
  ),
  // At first one that is allowed, and when it is asked again one that is not.
  ...Object.fromEntries(
    deniedAddresses.slice(0, 60).map((address, n) => [`rebound${n}.example`, [[allowedAddresses[n]!], [address]]])
  ),
  ...Object.fromEntries(allowedAddresses.map((address, n) => [`allowed${n}.example`, [[address]]]))
}

const redirect = (to: string): string => `/to?${new URLSearchParams({ to })}`

const names = (kind: string) => Object.keys(answers).filter((name) => name.startsWith(kind))

const rebounds = names("rebound").map((name) => `http://${name}/`)

const mustFail = [
  ...deniedAddresses.map((address) => `http://${literal(address)}/`),
  ...disguises.map((host) => `http://${host}/`),
  ...names("denied").map((name) => `http://${name}/`),
  ...deniedAddresses.map((address, n) =>
    `http://${literal(allowedAddresses[n % allowedAddresses.length]!)}${redirect(`http://${literal(address)}/`)}`
  ),
  // The name is allowed when it redirects, and denied when it is connected to again.
  ...names("rebound").slice(0, 30).map((name) => `http://${name}${redirect(`http://${name}/`)}`)
]

const mustWork = [
  ...names("allowed").map((name) => `http://${name}/`),
  ...names("mixed").map((name) => `http://${name}/`),
  ...allowedAddresses.slice(0, 100).map((address) => `http://${literal(address)}/`),
  ...names("allowed").slice(0, 50).map((name) =>
    `http://${name}${redirect(`http://${literal(allowedAddresses[7]!)}/`)}`
  )
]

describe("AddressPolicy.publicOnly under fetch", () => {
  it.live("lets no request, redirect or rebound name reach an address that is not public, in 1 000 URLs and more", () =>
    Effect.gen(function*() {
      // A connection for each request, so that each is dialled.
      const site = yield* Web.site("http", (request, response) => {
        const to = new URL(request.url ?? "/", "http://any.example").searchParams.get("to")
        response.writeHead(to === null ? 200 : 302, { connection: "close", ...to === null ? {} : { location: to } })
        response.end("hello")
      })
      const dialled = new Set<string>()
      const dialer = Layer.sync(Dialer.Dialer, () => {
        const { dial } = NodeDialer.make()
        return Dialer.Dialer.of({
          dial: (endpoint) => {
            dialled.add(Endpoint.formatAddress(endpoint))
            return dial(inet("127.0.0.1", site.port))
          }
        })
      })
      const asked = new Map<string, number>()
      const resolver = Layer.succeed(Resolver.Resolver, {
        resolve: ({ name, types }) => {
          const times = asked.get(name) ?? 0
          asked.set(name, times + 1)
          const sets = answers[name] ?? []
          const addresses = (sets[Math.min(times, sets.length - 1)] ?? []).map(NetAddress.ipFromStringUnsafe)
          return Stream.fromIterable(types.map((type): Resolver.Answer => ({
            _tag: "Addresses",
            owner: name,
            type: type === "AAAA" ? "AAAA" : "A",
            addresses: addresses.filter((address) => NetAddress.isIpv6Address(address) === (type === "AAAA")),
            ttl: undefined,
            source: "network"
          })))
        }
      })
      const layer = NodeFetch.layerGlobal().pipe(
        Layer.provide(NodeHappyEyeballs.layerNoDeps),
        Layer.provide([AddressPolicy.layerPublicOnly, dialer, resolver])
      )
      const get = (url: string) => Effect.result(Web.tried(async () => (await fetch(url)).text()))
      const all = (urls: ReadonlyArray<string>) => Effect.forEach(urls, get, { concurrency: 32 })

      const urls = mustFail.length + mustWork.length + 2 * rebounds.length
      assert.isAtLeast(urls, 1000)
      yield* Effect.gen(function*() {
        const failed = yield* all(mustFail)
        assert.deepStrictEqual(mustFail.filter((_, n) => failed[n]!._tag === "Success"), [])
        const worked = yield* all(mustWork)
        assert.deepStrictEqual(mustWork.filter((_, n) => worked[n]!._tag === "Failure"), [])
        asked.clear()
        const first = yield* all(rebounds)
        const second = yield* all(rebounds)
        assert.deepStrictEqual(rebounds.filter((_, n) => first[n]!._tag === "Failure"), [])
        assert.deepStrictEqual(rebounds.filter((_, n) => second[n]!._tag === "Success"), [])
      }).pipe(Effect.provide(layer), Effect.scoped)

      const allowed = new Set(
        allowedAddresses.map((address) => NetAddress.formatIp(NetAddress.ipFromStringUnsafe(address)))
      )
      assert.deepStrictEqual([...dialled].filter((address) => !allowed.has(address)), [])
      assert.isAbove(dialled.size, 200)
    }))
})
