import { assert, describe, it } from "@effect/vitest"
import * as Authentication from "@happy-eyeballs/dns/Authentication"
import { ByteStreams } from "@happy-eyeballs/dns/ByteStreams"
import { frame, Frames } from "@happy-eyeballs/dns/Frames"
import * as Message from "@happy-eyeballs/dns/Message"
import * as RecordType from "@happy-eyeballs/dns/RecordType"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import type * as Stub from "@happy-eyeballs/dns/StubResolver"
import { NodeByteStreams, NodeStubResolver } from "@happy-eyeballs/node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import * as Crypto from "node:crypto"
import { promisify } from "node:util"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as RealServers from "./support/real-servers.ts"

const name = Host.domainNameFromStringUnsafe
const ca = new URL("../fixtures/certificates/ca.pem", import.meta.url).pathname
const spki = (pem: string) =>
  Crypto.createHash("sha256")
    .update(new Crypto.X509Certificate(pem).publicKey.export({ type: "spki", format: "der" }))
    .digest("base64")

const ask = (text: string, type: string) =>
  Effect.flatMap(StubResolver, (stub) => stub.query({ name: name(text), type: RecordType.fromString(type) ?? 0 }))

const urlOf = ({ https, plain, tls }: RealServers.Ports, protocol: RealServers.Protocol, parameters = `?ca=${ca}`) =>
  protocol === "tls"
    ? `tls://127.0.0.1:${tls}${parameters}`
    : protocol === "https"
    ? `https://127.0.0.1:${https}/dns-query${parameters}`
    : `${protocol}://127.0.0.1:${plain}`

const using = <A, E>(
  server: string,
  use: Effect.Effect<A, E, NodeStubResolver.Provided>,
  options?: Stub.Options
) => Effect.provide(use, NodeStubResolver.layer([server], options), { local: true })

/** What kdig gives for a question: aliases and records, in no order. */
const kdig = (ports: RealServers.Ports, protocol: RealServers.Protocol, text: string, type: string) =>
  Effect.promise(async () => {
    const how = {
      udp: ["-p", String(ports.plain)],
      tcp: ["-p", String(ports.plain), "+tcp"],
      tls: ["-p", String(ports.tls), "+tls", `+tls-ca=${ca}`, "+tls-hostname=localhost"],
      https: ["-p", String(ports.https), "+https=/dns-query", `+tls-ca=${ca}`, "+tls-hostname=localhost"]
    }[protocol]
    const { stdout } = await promisify(execFile)("kdig", ["@127.0.0.1", ...how, "+short", "+retry=0", text, type])
    return stdout.trim().split("\n").toSorted()
  })

const isInstalled = (executable: string): boolean => {
  if (RealServers.find(executable) !== undefined) return true
  console.log(`RealServers: ${executable} is not installed, and what needs it is skipped`)
  return false
}

const hasKdig = isInstalled("kdig")
const hasUnbound = isInstalled("unbound")

const withProgram = <A, E, R>(
  program: string,
  use: (ports: RealServers.Ports) => Effect.Effect<A, E, R>,
  identity: Certificates.Identity = Certificates.server
) =>
  Effect.scoped(Effect.gen(function*() {
    const found = RealServers.programs.find((candidate) => candidate.name === program)
    if (found !== undefined) return yield* use(yield* RealServers.run(found, identity))
    const backend = yield* RealServers.run(RealServers.programs[0]!, identity)
    return yield* use(yield* RealServers.run(RealServers.dnsdist(backend.plain), identity))
  })) as Effect.Effect<A, E, Exclude<R, Scope.Scope>>

const installed = [
  ...RealServers.programs.filter(({ executable }) => isInstalled(executable)).map((program) => program.name),
  ...(isInstalled("dnsdist") && hasUnbound ? ["dnsdist"] : [])
]

describe.each(installed)("%s", (program) => {
  const protocols = RealServers.protocolsOf(program)
  const secured = protocols.filter((protocol) => protocol === "tls" || protocol === "https")

  it.live.skipIf(!hasKdig)(
    `gives kdig and us the same records over ${protocols.join(", ")}`,
    () =>
      withProgram(program, (ports) =>
        Effect.forEach(protocols, (protocol) =>
          using(
            urlOf(ports, protocol),
            Effect.forEach(RealServers.questions, ([text, type]) =>
              Effect.gen(function*() {
                const ours = yield* ask(text, type)
                const theirs = yield* kdig(ports, protocol, text, type)
                assert.deepStrictEqual(
                  ours.records.map(Message.formatData).toSorted(),
                  theirs,
                  `${protocol} ${text} ${type}`
                )
                const truncated = protocol === "udp" && text === "many.test"
                assert.strictEqual(ours.transport, truncated ? "tcp" : protocol)
              }))
          ))),
    { timeout: 60_000 }
  )

  it.live(
    "tells a missing type from a missing name, and keeps both for as long as its SOA says",
    () =>
      withProgram(program, (ports) =>
        Effect.forEach(protocols, (protocol) =>
          using(
            urlOf(ports, protocol),
            Effect.gen(function*() {
              const answers = [yield* ask("v4only.test", "AAAA"), yield* ask("gone.test", "A")]
              assert.deepStrictEqual(answers.map(({ rcode, ttl }) => [Message.formatRcode(rcode), ttl]), [
                ["NOERROR", 60],
                ["NXDOMAIN", 60]
              ])
              assert.strictEqual((yield* ask("below.gone.test", "MX")).source, "cache")
              assert.deepStrictEqual((yield* ask("alias.test", "A")).ttl, 20)
            })
          ))),
    { timeout: 60_000 }
  )

  it.live("takes a pin for proof, and nothing from a server with another", () =>
    withProgram(program, (ports) =>
      Effect.forEach(secured, (protocol) =>
        Effect.gen(function*() {
          const pinned = (pem: string) => urlOf(ports, protocol, `?pin=sha256/${spki(pem)}`)
          const { transport } = yield* using(pinned(Certificates.server.cert), ask("dual.test", "A"))
          assert.strictEqual(transport, protocol)
          const error = yield* Effect.flip(using(pinned(Certificates.expired.cert), ask("dual.test", "A")))
          assert.include(error.message, `its key is sha256/${spki(Certificates.server.cert)}`)
        }))))

  it.live("refuses an expired certificate, pinned or not", () =>
    withProgram(
      program,
      (ports) =>
        Effect.forEach(secured, (protocol) =>
          Effect.forEach([`?ca=${ca}`, `?pin=sha256/${spki(Certificates.expired.cert)}`], (parameters) =>
            Effect.map(
              Effect.flip(using(urlOf(ports, protocol, parameters), ask("dual.test", "A"))),
              (error) =>
                assert.include(error.message, "expired")
            ))),
      Certificates.expired
    ))

  it.live(
    "answers three hundred questions that are sent at once, over one connection or as many as it takes",
    () =>
      withProgram(
        program,
        (ports) =>
          Effect.forEach(protocols.filter((protocol) => protocol !== "udp"), (protocol) =>
            using(
              urlOf(ports, protocol),
              Effect.map(
                Effect.forEach(Array.from({ length: 300 }, (_, i) => `n${i}.test`), (text) => ask(text, "A"), {
                  concurrency: "unbounded"
                }),
                (answers) => assert.isTrue(answers.every(({ rcode }) => rcode === Message.rcodes.NXDOMAIN))
              )
            ))
      ),
    { timeout: 60_000 }
  )
})

describe.skipIf(!hasUnbound)("unbound", () => {
  it.live.each(["tls", "https"] as const)(
    "answers ten thousand questions on one connection over %s",
    (protocol) =>
      withProgram("unbound", (ports) =>
        using(
          urlOf(ports, protocol),
          Effect.gen(function*() {
            yield* ask("dual.test", "A")
            const before = Resources.descriptors()
            const answers = yield* Effect.forEach(
              Array.from({ length: 10_000 }, (_, i) => `n${i}.test`),
              (text) => ask(text, "A"),
              { concurrency: 100 }
            )
            assert.isTrue(
              answers.every(({ rcode, transport }) => rcode === Message.rcodes.NXDOMAIN && transport === protocol)
            )
            assert.strictEqual(Resources.descriptors(), before)
          }),
          { idleTimeout: Duration.minutes(1), capacity: 0 }
        )),
    { timeout: 60_000 }
  )

  it.live("sees a padded question, and pads its answer to 468 bytes", () =>
    withProgram("unbound", (ports) =>
      Effect.scoped(Effect.gen(function*() {
        const { open } = yield* ByteStreams
        const address = NetAddress.inetAddressFromStringUnsafe(`127.0.0.1:${ports.tls}`)
        const endpoint = { address, tls: undefined, host: undefined, payload: undefined }
        const authentication = { ...Authentication.system, none: true }
        const { read, write } = yield* open(endpoint, { authentication, alpn: ["dot"] })
        const query = Message.encode({ name: name("dual.test"), type: 1 }, { id: 1, padded: true })
        assert.strictEqual(query.length, 128)
        yield* write(frame(query))
        const frames = new Frames()
        let [reply] = frames.push(yield* read)
        while (reply === undefined) [reply] = frames.push(yield* read)
        assert.strictEqual(reply.length, 468)
        const message = Message.decode(reply)
        assert.isTrue(message._tag === "Success" && message.success.edns?.options.some(({ code }) => code === 12))
      })).pipe(Effect.provide(NodeByteStreams.layer))))
})
