import { assert, describe, it } from "@effect/vitest"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as HostsFile from "@happy-eyeballs/dns/HostsFile"
import * as Message from "@happy-eyeballs/dns/Message"
import { codes } from "@happy-eyeballs/dns/RecordType"
import * as SystemConfig from "@happy-eyeballs/dns/SystemConfig"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import { NodeDialer, NodeHappyEyeballs, NodeNameServer, NodeSystemResolver } from "@happy-eyeballs/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as Dgram from "node:dgram"
import * as NodeDns from "node:dns/promises"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Servers from "../fixtures/Servers.ts"

// resolv.conf has no ports, so these tests need port 53 of an address of their own: 127.0.0.11, as in a container.
const host = "127.0.0.11"
const canBind = await (async () => {
  const socket = Dgram.createSocket("udp4")
  try {
    socket.bind(53, host)
    await Promise.race([once(socket, "listening"), once(socket, "error").then(([cause]) => Promise.reject(cause))])
    return true
  } catch (cause) {
    console.log(`NodeSystemResolver: skipped, because port 53 of ${host} cannot be used (${String(cause)})`)
    return false
  } finally {
    socket.close()
  }
})()

const zone = Zone.fromLinesUnsafe([
  "db.corp.example. 60 IN A 127.0.0.1",
  "slow6.corp.example. 60 IN A 127.0.0.1",
  "slow6.corp.example. 60 IN AAAA ::1"
])

/** Files as a machine has them, in a directory that goes with the scope. */
const files = (texts: { readonly resolvConf: string; readonly nsSwitch?: string }) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))),
      (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
    ),
    (directory): SystemConfig.Paths => {
      const paths = Object.fromEntries(
        Object.keys(SystemConfig.defaultPaths).map((key) => [key, Path.join(directory, key)])
      ) as unknown as SystemConfig.Paths
      Fs.writeFileSync(paths.resolvConf, texts.resolvConf)
      if (texts.nsSwitch !== undefined) Fs.writeFileSync(paths.nsSwitch, texts.nsSwitch)
      return paths
    }
  )

const container = { resolvConf: `nameserver ${host}\nsearch corp.example\noptions ndots:5 timeout:1\n` }

const nameServer = Effect.gen(function*() {
  const seen: Array<string> = []
  yield* NodeNameServer.run({
    host,
    port: 53,
    answer: (query) => {
      const message = Message.decode(query)
      const question = message._tag === "Success" ? message.success.question : undefined
      seen.push(`${question?.type === codes.A ? "A" : "AAAA"} ${question?.name}`)
      return question?.name.startsWith("slow6.") && question.type === codes.AAAA ? undefined : Zone.answer(zone, query)
    }
  })
  return seen
})

describe.skipIf(!canBind)("NodeSystemResolver", () => {
  it.live("resolves as a container without nsswitch.conf is set up, search list and all", () =>
    Effect.scoped(Effect.gen(function*() {
      const seen = yield* nameServer
      const paths = yield* files(container)
      yield* Effect.gen(function*() {
        const dns = yield* Dns.Dns
        assert.deepStrictEqual((yield* dns.lookup("db")).map(NetAddress.formatIp), ["127.0.0.1"])
        assert.deepStrictEqual(seen.toSorted(), ["A db.corp.example.", "AAAA db.corp.example."])
        const { explain } = yield* NodeSystemResolver.SystemResolver
        assert.include((yield* explain())[0], "there is no nsswitch.conf: hosts file, then DNS")
      }).pipe(Effect.provide(NodeSystemResolver.layer({ paths })))
    })))

  it.live("leaves names to getaddrinfo where the files want what only libc can do, and where the user says so", () =>
    Effect.scoped(Effect.gen(function*() {
      const seen = yield* nameServer
      const ldap = yield* files({ ...container, nsSwitch: "hosts: files ldap dns" })
      const plain = yield* files(container)
      // getaddrinfo is only asked for what the hosts file has, in the family that it has: for anything else it
      // would ask a name server.
      const known = [...HostsFile.parse(Fs.readFileSync("/etc/hosts", "utf8"))]
        .find(([candidate, addresses]) => !candidate.endsWith("localhost") && addresses.some(NetAddress.isIpv4Address))
      for (const options of [{ paths: ldap }, { paths: plain, use: "system" as const }]) {
        yield* Effect.gen(function*() {
          const { choice } = yield* NodeSystemResolver.SystemResolver
          assert.strictEqual((yield* choice).use, "system")
          if (known === undefined) return console.log("NodeSystemResolver: the hosts file has no name to ask for")
          const { resolve } = yield* Resolver
          const answers = yield* Stream.runCollect(resolve({ name: known[0], types: ["A"] }))
          assert.isTrue(answers.every(({ source }) => source === "system"))
        }).pipe(Effect.provide(NodeSystemResolver.layer(options)))
      }
      assert.deepStrictEqual(seen, [])
    })))

  it.live("connects sixty-four times at once within the resolution delay where AAAA is never answered", () =>
    Effect.scoped(Effect.gen(function*() {
      yield* nameServer
      const paths = yield* files(container)
      const { port } = yield* Servers.tcp(Servers.echo)
      const racer = NodeHappyEyeballs.layerNoDeps.pipe(
        Layer.provide([NodeSystemResolver.layer({ paths }), NodeDialer.layer])
      )
      yield* Effect.gen(function*() {
        const happyEyeballs = yield* HappyEyeballs
        const begun = performance.now()
        const neighbour = yield* Effect.forkChild(
          Effect.promise(() => NodeDns.lookup("localhost").then(() => performance.now() - begun)),
          { startImmediately: true }
        )
        const reports = yield* Effect.forEach(
          Array.from({ length: 64 }),
          () =>
            Effect.scoped(Effect.map(
              happyEyeballs.connect(`slow6.corp.example:${port}`),
              ({ report }) => report
            )),
          { concurrency: "unbounded" }
        )
        for (const { attempts, resolution } of reports) {
          assert.deepStrictEqual(resolution.map(({ type }) => type), ["A"])
          // The resolution delay is 50 ms; the rest is what sixty-four of them take on a busy machine.
          assert.isBelow((attempts[0]?.startedAtMs ?? Infinity) - (resolution[0]?.atMs ?? 0), 500)
        }
        assert.isBelow(yield* Fiber.join(neighbour), 2_000)
      }).pipe(Effect.provide(racer))
    })))
})
