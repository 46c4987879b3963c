import { assert, describe, it } from "@effect/vitest"
import { NameServer, SystemConfig, SystemFiles } from "@happy-eyeballs/dns"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Host from "effect/net/Host"
import * as TestClock from "effect/testing/TestClock"

const name = Host.domainNameFromStringUnsafe

/** Files that a test may change, and how often they were looked at and read. */
const files = (texts: Record<string, string>) => {
  const counts = { stamps: 0, reads: 0 }
  const layer = Layer.succeed(SystemFiles.SystemFiles, {
    stamp: (path) =>
      Effect.sync(() => {
        counts.stamps++
        return texts[path]
      }),
    read: (path) =>
      Effect.sync(() => {
        counts.reads++
        return texts[path] ?? ""
      })
  })
  return { texts, counts, layer }
}

const linux: SystemConfig.Surroundings = { platform: "linux", hostname: "box" }

describe("SystemConfig", () => {
  it.effect("gives the same configuration until a file changes, and looks at most every 5 s", () => {
    const { counts, layer, texts } = files({ "/etc/resolv.conf": "nameserver 192.0.2.1" })
    return Effect.gen(function*() {
      const { config } = yield* SystemConfig.make(linux)
      const before = yield* config
      assert.deepStrictEqual(before.servers.map(NameServer.format), ["udp://192.0.2.1:53"])
      const { stamps } = counts
      texts["/etc/resolv.conf"] = "nameserver 192.0.2.2\noptions use-vc"
      assert.strictEqual(yield* config, before)
      assert.strictEqual(counts.stamps, stamps)
      yield* TestClock.adjust("5 seconds")
      const after = yield* config
      assert.deepStrictEqual(after.servers.map(NameServer.format), ["tcp://192.0.2.2:53"])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* config, after)
      assert.strictEqual(counts.reads, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("follows a file that appears and goes", () => {
    const { layer, texts } = files({})
    return Effect.gen(function*() {
      const { choice, config } = yield* SystemConfig.make(linux)
      assert.strictEqual((yield* choice).use, "stub")
      assert.deepStrictEqual((yield* config).servers.map(NameServer.format), ["udp://127.0.0.1:53", "udp://[::1]:53"])
      texts["/etc/nsswitch.conf"] = "hosts: ldap"
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* choice).use, "system")
      delete texts["/etc/nsswitch.conf"]
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* choice).use, "stub")
    }).pipe(Effect.provide(layer))
  })

  it.effect("explains itself, with who is behind a local stub", () => {
    const { layer } = files({
      "/etc/resolv.conf": "nameserver 127.0.0.53\nsearch corp.example\noptions edns0 trust-ad\nstrange line",
      "/etc/nsswitch.conf": "hosts: files mdns4_minimal [NOTFOUND=return] dns",
      "/run/systemd/resolve/resolv.conf": "nameserver 192.0.2.1\nnameserver 192.0.2.2"
    })
    return Effect.gen(function*() {
      const { explain } = yield* SystemConfig.make(linux)
      assert.deepStrictEqual(yield* explain(name("printer.local")), [
        "names are answered by the stub resolver: nsswitch.conf has nothing that only libc can do: " +
        "files mdns4_minimal [NOTFOUND=return] dns",
        "printer.local is answered by the system (getaddrinfo): \"mdns4_minimal\" answers it by multicast DNS",
        "order: hosts file, then name servers",
        "name servers (/etc/resolv.conf): udp://127.0.0.53:53",
        "behind 127.0.0.53:53 (/run/systemd/resolve/resolv.conf): 192.0.2.1:53, 192.0.2.2:53",
        "search: corp.example (ndots 1)",
        "each server 5s, 2 rounds",
        "left to the system: .local, because \"mdns4_minimal\" answers it by multicast DNS",
        "not understood in /etc/resolv.conf: strange line"
      ])
    }).pipe(Effect.provide(layer))
  })
})
