import { assert, describe, it } from "@effect/vitest"
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Message from "@happy-eyeballs/dns/Message"
import * as RecordType from "@happy-eyeballs/dns/RecordType"
import * as Resolution from "@happy-eyeballs/dns/Resolution"
import type * as StubConfig from "@happy-eyeballs/dns/StubResolver"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as NodeNameServer from "@happy-eyeballs/node/dns/NodeNameServer"
import * as NodeStubResolver from "@happy-eyeballs/node/dns/NodeStubResolver"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"

const { codes } = RecordType
const name = Host.domainNameFromStringUnsafe
const zone = Zone.fromLinesUnsafe([
  "www.example. 60 IN A 192.0.2.80",
  "www.example. 60 IN AAAA 2001:db8::80",
  ...Array.from({ length: 100 }, (_, i) => `many.example. 60 IN A 192.0.2.${i}`)
])

const spki = (pem: string) => {
  const der = new Crypto.X509Certificate(pem).publicKey.export({ type: "spki", format: "der" })
  return Crypto.createHash("sha256").update(der).digest("base64")
}
const fingerprint = (pem: string) =>
  Crypto.createHash("sha256").update(new Crypto.X509Certificate(pem).raw).digest("base64")

/** Runs a server over all protocols, and uses a resolver of one of them. */
const withServer = <A, E>(
  how: {
    readonly server: (running: NodeNameServer.Running) => string
    readonly identity?: Certificates.Identity
    readonly silent?: boolean
    readonly options?: StubConfig.Options
  },
  use: (seen: ReadonlyArray<string>) => Effect.Effect<A, E, NodeStubResolver.Provided>
) =>
  Effect.scoped(Effect.gen(function*() {
    const seen: Array<string> = []
    const running = yield* NodeNameServer.run({
      tls: how.identity ?? Certificates.server,
      answer: (query, protocol) => {
        seen.push(`${protocol} ${query.length}`)
        return how.silent === true
          ? undefined
          : Zone.answer(zone, query, { maxLength: protocol === "udp" ? 1232 : undefined })
      }
    })
    return yield* Effect.provide(use(seen), NodeStubResolver.layer([how.server(running)], how.options), { local: true })
  }))

const ask = (text: string, type: number = codes.A, refresh = false) =>
  Effect.flatMap(StubResolver, (stub) => stub.query({ name: name(text), type }, { refresh }))
const data = (resolution: Resolution.Resolution) => Resolution.wanted(resolution).map(Message.formatData)

const udp = ({ port }: NodeNameServer.Running) => `udp://127.0.0.1:${port}`
const tcp = ({ port }: NodeNameServer.Running) => `tcp://127.0.0.1:${port}`
const tls = (parameters: string) => ({ tlsPort }: NodeNameServer.Running) => `tls://127.0.0.1:${tlsPort}${parameters}`
const pin = `?pin=sha256/${spki(Certificates.server.cert)}`
const pinned = tls(pin)
const https = (parameters: string) => ({ httpsPort }: NodeNameServer.Running) =>
  `https://127.0.0.1:${httpsPort}/dns-query${parameters}`
const protocols: ReadonlyArray<[string, (running: NodeNameServer.Running) => string]> = [
  ["udp", udp],
  ["tcp", tcp],
  ["tls", pinned],
  ["https", https(pin)]
]

describe("NodeStubResolver.layer", () => {
  it.live.each(protocols)(
    "answers over %s, as core's Resolver, as effect/net's Dns and by itself",
    ([protocol, server]) =>
      withServer({ server }, () =>
        Effect.gen(function*() {
          const own = yield* ask("www.example")
          assert.deepStrictEqual([data(own), own.transport], [["192.0.2.80"], protocol])
          const { resolve } = yield* Resolver
          const answers = yield* Stream.runCollect(resolve({ name: name("www.example."), types: ["AAAA", "A"] }))
          assert.deepStrictEqual(
            answers.map((answer) => answer._tag === "Addresses" ? answer.addresses.map(NetAddress.formatIp) : [])
              .toSorted(),
            [["192.0.2.80"], ["2001:db8::80"]]
          )
          const dns = yield* Dns.Dns
          assert.strictEqual((yield* dns.lookup("www.example")).length, 2)
        }))
  )

  it.live("asks over TCP for what does not fit into a datagram", () =>
    withServer({ server: udp }, (seen) =>
      Effect.gen(function*() {
        const many = yield* ask("many.example")
        assert.deepStrictEqual([Resolution.wanted(many).length, many.transport], [100, "tcp"])
        assert.deepStrictEqual(seen.map((line) => line.slice(0, 3)), ["udp", "tcp"])
      })))

  it.live("pads what it sends over TLS and HTTPS to 128 bytes, and nothing else", () =>
    Effect.forEach(protocols, ([protocol, server]) =>
      withServer(
        { server },
        (seen) =>
          Effect.map(ask("www.example"), () =>
            assert.deepStrictEqual(seen, [
              protocol === "tls" || protocol === "https" ? `${protocol} 128` : `${protocol} 40`
            ]))
      )))

  it.live("reaches a server that has a name by its address, and wants that name in the certificate", () =>
    Effect.gen(function*() {
      const named = (host: string) => ({ httpsPort }: NodeNameServer.Running) =>
        `https://${host}:${httpsPort}/dns-query?bootstrap=127.0.0.1&ca=${
          new URL("../fixtures/certificates/ca.pem", import.meta.url).pathname
        }`
      yield* withServer(
        { server: named("localhost") },
        () => Effect.map(ask("www.example"), (resolution) => assert.deepStrictEqual(data(resolution), ["192.0.2.80"]))
      )
      const error = yield* withServer({ server: named("other.example") }, () => Effect.flip(ask("www.example")))
      assert.include(error.message, "could not be verified: Hostname/IP does not match")
    }))

  it.live("fails at once where nobody listens", () =>
    Effect.gen(function*() {
      const { port } = yield* Effect.scoped(NodeNameServer.run({ answer: () => undefined }))
      for (const protocol of ["udp", "tcp"]) {
        const server = `${protocol}://127.0.0.1:${port}`
        const error = yield* Effect.flip(Effect.provide(ask("www.example"), NodeStubResolver.layer([server])))
        assert.include(
          error.message,
          `${server} ${protocol === "udp" ? "refused the query" : "cannot be reached"} (ECONNREFUSED)`
        )
      }
    }))

  it.live("refuses what is no name server, and names it", () =>
    Effect.map(
      Effect.flip(Effect.provide(ask("www.example"), NodeStubResolver.layer(["tls://dns.example"]))),
      (error) => assert.include(error.message, "\"tls://dns.example\" is not a name server")
    ))
})

describe("NodeByteStreams and NodeHttp2", () => {
  it.live.each<[string, string, Certificates.Identity]>([
    ["a key that is pinned", `?pin=sha256/${spki(Certificates.server.cert)}`, Certificates.server],
    [
      "one of several pins",
      `?pin=sha256/${spki(Certificates.expired.cert)}&pin=sha256/${spki(Certificates.server.cert)}`,
      Certificates.server
    ],
    [
      "a pinned key of a self-signed certificate",
      `?pin=sha256/${spki(Certificates.selfSigned.cert)}`,
      Certificates.selfSigned
    ],
    [
      "a CA and the address in the certificate",
      `?ca=${new URL("../fixtures/certificates/ca.pem", import.meta.url).pathname}`,
      Certificates.server
    ],
    [
      "a CA and a pin",
      `?ca=${new URL("../fixtures/certificates/ca.pem", import.meta.url).pathname}&pin=sha256/${
        spki(Certificates.wrongName.cert)
      }`,
      Certificates.wrongName
    ],
    ["nothing, where nothing is asked for", "?auth=none", Certificates.expired]
  ])(
    "takes %s for proof",
    ([, parameters, identity]) =>
      Effect.forEach([tls(parameters), https(parameters)], (server) =>
        withServer(
          { server, identity },
          () => Effect.map(ask("www.example"), (resolution) => assert.deepStrictEqual(data(resolution), ["192.0.2.80"]))
        ))
  )

  it.live("takes the article's authenticators for proof", () =>
    Effect.forEach(
      [
        `!key-fp:SHA256:${spki(Certificates.server.cert)}`,
        `!cert-fp:${fingerprint(Certificates.server.cert)}`,
        `!trust-anchor:${new Crypto.X509Certificate(Certificates.ca).raw.toString("base64")}`,
        "!none"
      ],
      (proof) => withServer({ server: ({ tlsPort }) => `tls:127.0.0.1:${tlsPort}${proof}` }, () => ask("www.example"))
    ))

  const wrong = spki(Certificates.expired.cert)
  it.live.each<[string, string, Certificates.Identity, string]>([
    [
      "another key",
      `?pin=sha256/${wrong}`,
      Certificates.server,
      `its key is sha256/${spki(Certificates.server.cert)}, and sha256/${wrong} is pinned`
    ],
    [
      "an expired certificate with the right key",
      `?pin=sha256/${wrong}`,
      Certificates.expired,
      "its certificate expired on"
    ],
    [
      "another name",
      `?pin=sha256/${spki(Certificates.server.cert)}&name=other.example`,
      Certificates.server,
      "its certificate is not for other.example but for DNS:localhost"
    ],
    ["a chain that ends nowhere", "", Certificates.server, "unable to verify"],
    ["a certificate that it signed itself", "", Certificates.selfSigned, "self-signed certificate"],
    [
      "a certificate without the address",
      `?ca=${new URL("../fixtures/certificates/ca.pem", import.meta.url).pathname}`,
      Certificates.wrongName,
      "IP: 127.0.0.1 is not in the cert's list"
    ],
    [
      "another CA, though the key is right",
      `?ca=${new URL("../fixtures/certificates/self-signed.pem", import.meta.url).pathname}&pin=sha256/${
        spki(Certificates.server.cert)
      }`,
      Certificates.server,
      "unable to verify"
    ],
    ["a file of CAs that is not there", "?ca=/nowhere/ca.pem", Certificates.server, "the file of CAs cannot be read"]
  ])(
    "sends nothing to a server with %s, and says why",
    ([, parameters, identity, why]) =>
      Effect.forEach(
        [tls(parameters), https(parameters)],
        (server) =>
          withServer({ server, identity }, (seen) =>
            Effect.gen(function*() {
              const error = yield* Effect.flip(ask("www.example"))
              assert.include(error.message, "could not be verified: ")
              assert.include(error.message, why)
              assert.strictEqual(error.attempts[0]?.failure?.reason, "Unverified")
              assert.deepStrictEqual(seen, [])
            }))
      )
  )

  it.live("resumes a session only after its server was verified, and answers over it", () =>
    Effect.forEach(
      [pinned, https(pin)],
      (server) =>
        withServer({ server, options: { idleTimeout: Duration.millis(50) } }, () =>
          Effect.gen(function*() {
            for (let i = 0; i < 3; i++) {
              assert.deepStrictEqual(data(yield* ask("www.example", codes.A, true)), ["192.0.2.80"])
              yield* Effect.sleep(120)
            }
          }))
    ))

  it.live.each(protocols.slice(2))(
    "carries ten thousand questions on one connection over %s",
    ([, server]) =>
      withServer({ server, options: { capacity: 0 } }, (seen) =>
        Effect.gen(function*() {
          const before = Resources.descriptors()
          const answers = yield* Effect.forEach(
            Array.from({ length: 10_000 }, (_, i) => `n${i}.www.example`),
            (text) => ask(text),
            { concurrency: 200 }
          )
          assert.isTrue(answers.every(({ rcode }) => rcode === Message.rcodes.NXDOMAIN))
          assert.strictEqual(seen.length, 10_000)
          // Both ends are in this process.
          assert.strictEqual(Resources.descriptors() - before, 2)
        }))
  )
})

describe("an interrupted question", () => {
  it.live.each(protocols)(
    "leaves no socket, timer or memory behind over %s, ten thousand times",
    ([, server]) =>
      Effect.gen(function*() {
        const before = { descriptors: Resources.descriptors(), timers: Resources.timers() }
        yield* withServer({ server, silent: true }, (seen) =>
          Effect.gen(function*() {
            const some = Effect.andThen(
              // On a busy machine a connection takes longer than the questions have.
              Effect.timeoutOption(Effect.exit(ask("first.example")), 100),
              Effect.forEach(
                Array.from({ length: 500 }, (_, i) => [`n${i}.example`, i % 20] as const),
                // At every instant of a question, from before its socket is open to long after it was sent.
                ([text, ms]) => Effect.timeoutOption(Effect.exit(ask(text)), ms),
                { concurrency: 100 }
              )
            )
            yield* Effect.repeat(some, { times: 2 })
            globalThis.gc?.()
            const heap = process.memoryUsage().heapUsed
            yield* Effect.repeat(some, { times: 16 })
            globalThis.gc?.()
            assert.isBelow(process.memoryUsage().heapUsed - heap, 8e6)
            assert.isAbove(seen.length, 1_000)
          }))
        yield* Effect.sleep(50)
        assert.deepStrictEqual({ descriptors: Resources.descriptors(), timers: Resources.timers() }, before)
      }),
    { timeout: 60_000 }
  )
})
