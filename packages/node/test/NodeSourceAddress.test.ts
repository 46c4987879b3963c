import { assert, describe, it } from "@effect/vitest"
import * as SourceAddress from "@happy-eyeballs/core/SourceAddress"
import * as NodeSourceAddress from "@happy-eyeballs/node/NodeSourceAddress"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import { spawnSync } from "node:child_process"
import type { Socket } from "node:dgram"
import * as DiagnosticsChannel from "node:diagnostics_channel"

const ip = NetAddress.ipFromStringUnsafe

// Only loopback is asked about in the network that the tests share.
const internet = { IPv4: ip("127.0.0.1"), IPv6: ip("::1") }
const loopback = NodeSourceAddress.layerOptions({ internet })

const format = (source: SourceAddress.Source): string =>
  source._tag === "Known" ? `${NetAddress.formatIp(source.address)}/${source.prefixLength}` : source._tag

interface Sockets {
  made: number
  unrefd: number
  open: number
  onMade: () => void
}

/** Every UDP socket that is made while the effect runs: how many were unref'd, and how many are open. */
const watched = <A, E, R>(use: (sockets: Sockets) => Effect.Effect<A, E, R>) => {
  const sockets: Sockets = { made: 0, unrefd: 0, open: 0, onMade: () => {} }
  const listener = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket }
    const unref = socket.unref.bind(socket)
    sockets.made++
    sockets.open++
    socket.on("close", () => sockets.open--)
    socket.unref = () => {
      sockets.unrefd++
      return unref()
    }
    sockets.onMade()
  }
  return Effect.acquireUseRelease(
    Effect.sync(() => DiagnosticsChannel.subscribe("udp.socket", listener)),
    () => use(sockets),
    () => Effect.sync(() => DiagnosticsChannel.unsubscribe("udp.socket", listener))
  )
}

/** A socket says that it is closed a turn of the event loop after it is. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const later = (ticks: number, run: () => void): void => {
  if (ticks === 0) run()
  else process.nextTick(() => later(ticks - 1, run))
}

describe("NodeSourceAddress.layer", () => {
  it.live("gives the source address and the length of its prefix", () =>
    Effect.gen(function*() {
      const { fill, peek, route } = yield* SourceAddress.SourceAddress
      yield* fill([ip("127.0.0.5")])
      assert.strictEqual(format(peek(ip("127.0.0.5"))), "127.0.0.1/8")
      assert.strictEqual(format(route("IPv4")), "127.0.0.1/8")
      assert.strictEqual(format(route("IPv6")), "::1/128")
    }).pipe(Effect.provide(loopback)))

  it.live("closes every socket before it answers, and lets none keep the process alive", () =>
    watched((sockets) =>
      Effect.gen(function*() {
        const { fill } = yield* SourceAddress.SourceAddress
        yield* fill(Array.from({ length: 40 }, (_, index) => ip(`127.0.1.${index}`)))
        yield* turn
        assert.deepInclude(sockets, { made: 42, unrefd: 42, open: 0 })
      })
    ).pipe(Effect.provide(loopback)))

  it.live("opens no socket while the answers are fresh", () =>
    watched((sockets) =>
      Effect.gen(function*() {
        const { fill } = yield* SourceAddress.SourceAddress
        yield* fill([ip("127.0.0.2")])
        yield* fill([ip("127.0.0.2")])
        yield* fill([])
        assert.strictEqual(sockets.made, 3)
      })
    ).pipe(Effect.provide(loopback)))

  it.live("closes every socket when it is interrupted, at whatever moment", () =>
    Effect.gen(function*() {
      const outcomes: Array<string> = []
      for (let ticks = 0; ticks < 12; ticks++) {
        const made = yield* watched((sockets) =>
          Effect.gen(function*() {
            const { fill, peek } = yield* SourceAddress.SourceAddress
            const fiber = yield* Effect.forkChild(fill([ip("127.0.0.2"), ip("127.0.0.3")]))
            sockets.onMade = () => later(ticks, () => fiber.interruptUnsafe())
            yield* Fiber.await(fiber)
            yield* turn
            assert.strictEqual(sockets.open, 0)
            outcomes.push(peek(ip("127.0.0.3"))._tag)
            return sockets.made
          })
        ).pipe(Effect.provide(loopback))
        assert.isAtLeast(made, 1)
      }
      assert.strictEqual(outcomes[0], "Unknown")
      assert.strictEqual(outcomes.at(-1), "Known")
    }))

  it.live("has a memory of its own for each layer that is built", () =>
    Effect.gen(function*() {
      const filled = Effect.flatMap(SourceAddress.SourceAddress, ({ fill, route }) =>
        Effect.map(fill([]), () => route("IPv4")))
      const peeked = Effect.map(SourceAddress.SourceAddress, ({ route }) =>
        route("IPv4"))
      assert.strictEqual((yield* Effect.provide(filled, loopback))._tag, "Known")
      assert.strictEqual((yield* Effect.provide(peeked, loopback))._tag, "Unknown")
    }))
})

/** What a process of its own learned, in a network or with limits of its own. */
interface Learned {
  readonly peeks: Record<string, string>
  readonly IPv4: string
  readonly IPv6: string
  readonly network: string
  readonly preferred: NetAddress.IpFamily
}

/** JavaScript for the process. */
interface Steps {
  /** What to make the source addresses with. */
  readonly options?: string
  /** What to do before and after learning. */
  readonly before?: string
  readonly after?: string
}

const program = ({ after = "", before = "", options = "undefined" }: Steps) => `
  import * as AddressSelection from "@happy-eyeballs/core/AddressSelection"
  import * as NodeSourceAddress from "@happy-eyeballs/node/NodeSourceAddress"
  import * as Effect from "effect/Effect"
  import * as NetAddress from "effect/net/NetAddress"
  import * as Dgram from "node:dgram"
  import * as Fs from "node:fs"
  const format = (source) => source._tag === "Known" ? NetAddress.formatIp(source.address) + "/" + source.prefixLength : source._tag
  const options = ${options}
  const destinations = process.argv.slice(1).map((text) => NetAddress.ipFromStringUnsafe(text))
  const sources = Effect.runSync(NodeSourceAddress.make(options))
  const learn = async () => {
    await Effect.runPromise(sources.fill(destinations))
    return {
      peeks: Object.fromEntries(destinations.map((address) => [NetAddress.formatIp(address), format(sources.peek(address))])),
      IPv4: format(sources.route("IPv4")),
      IPv6: format(sources.route("IPv6")),
      network: sources.network(),
      preferred: AddressSelection.preferredFamily(sources)
    }
  }
  ${before}
  const learned = await learn()
  ${after}
  console.log(JSON.stringify(learned))
`

const run = (
  command: ReadonlyArray<string>,
  destinations: ReadonlyArray<string>,
  steps: Steps = {}
): Learned => {
  const [file = "", ...args] = [
    ...command,
    process.execPath,
    "--conditions=@happy-eyeballs/source",
    "--input-type=module",
    "--eval",
    program(steps),
    "--",
    ...destinations
  ]
  const child = spawnSync(file, args, { cwd: import.meta.dirname, encoding: "utf8", timeout: 20_000 })
  assert.strictEqual(child.status, 0, child.stderr)
  return JSON.parse(child.stdout)
}

/** A network namespace, in which nothing can leave the machine, with these commands run first. */
const inNetwork = (...setup: ReadonlyArray<string>): ReadonlyArray<string> => [
  "unshare",
  "--map-root-user",
  "--net",
  "sh",
  "-ec",
  `${setup.map((line) => `ip ${line}`).join("\n")}\nexec "$@"`,
  "sh"
]

const hasNamespaces = process.platform === "linux" &&
  spawnSync("unshare", ["--map-root-user", "--net", "ip", "link", "set", "lo", "up"]).status === 0
if (!hasNamespaces) {
  console.log("skipped: NodeSourceAddress in a network of its own, because unshare or ip may not be used")
}

const routed = [
  "link set lo up",
  "addr add 198.51.100.7/24 dev lo",
  "addr add 2001:db8:1::2/64 dev lo nodad",
  "route add default dev lo src 198.51.100.7",
  "-6 route add default dev lo src 2001:db8:1::2"
]

describe.skipIf(!hasNamespaces)("NodeSourceAddress in a network of its own", () => {
  it("says that there is no route where there is none, for loopback as for the internet", () => {
    const learned = run(inNetwork("link set lo down"), ["127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"])
    assert.deepStrictEqual(learned, {
      peeks: { "127.0.0.1": "NoRoute", "::1": "NoRoute", "192.0.2.1": "NoRoute", "2001:db8::1": "NoRoute" },
      IPv4: "NoRoute",
      IPv6: "NoRoute",
      network: "",
      preferred: "IPv4"
    })
  })

  it("gives the source of each destination, by its route", () => {
    const learned = run(
      inNetwork(
        ...routed,
        "addr add fd00:1::2/48 dev lo nodad",
        "-6 route add fd00::/8 dev lo src fd00:1::2",
        "addr add 10.0.0.1/8 dev lo",
        "route add 10.9.9.9/32 dev lo src 198.51.100.7"
      ),
      ["192.0.2.1", "10.0.0.7", "10.9.9.9", "127.0.0.1", "2001:db8:2::1", "fd00:2::1", "::1", "::ffff:192.0.2.1"]
    )
    assert.deepStrictEqual(learned, {
      peeks: {
        "192.0.2.1": "198.51.100.7/24",
        "10.0.0.7": "10.0.0.1/8",
        "10.9.9.9": "198.51.100.7/24",
        "127.0.0.1": "127.0.0.1/8",
        "2001:db8:2::1": "2001:db8:1::2/64",
        "fd00:2::1": "fd00:1::2/48",
        "::1": "::1/128",
        "::ffff:192.0.2.1": "::ffff:198.51.100.7/64"
      },
      IPv4: "198.51.100.7/24",
      IPv6: "2001:db8:1::2/64",
      network: "198.51.100.7 2001:db8:1::/64",
      preferred: "IPv6"
    })
  })

  it("says that there is no route where the routing table forbids one", () => {
    const learned = run(
      inNetwork(
        ...routed,
        "route add unreachable 203.0.113.0/24",
        "route add blackhole 192.0.2.0/24",
        "route add prohibit 10.0.0.0/8",
        "-6 route add unreachable 2001:db8:dead::/48",
        "-6 route add blackhole 2001:db8:deaf::/48",
        "-6 route add prohibit 2001:db8:deed::/48"
      ),
      ["203.0.113.1", "192.0.2.1", "10.0.0.1", "2001:db8:dead::1", "2001:db8:deaf::1", "2001:db8:deed::1", "fe80::1"]
    )
    assert.deepStrictEqual(new Set(Object.values(learned.peeks)), new Set(["NoRoute"]))
    assert.strictEqual(learned.preferred, "IPv6")
  })

  it("prefers IPv4 on a host whose only IPv6 addresses are link-local", () => {
    const learned = run(
      inNetwork(
        "link set lo up",
        "addr add 198.51.100.7/24 dev lo",
        "route add default dev lo src 198.51.100.7",
        "addr add fe80::2/64 dev lo nodad",
        "-6 route add default dev lo src fe80::2"
      ),
      []
    )
    assert.strictEqual(learned.IPv6, "fe80::2/64")
    assert.strictEqual(learned.preferred, "IPv4")
  })

  it("sends no packet", () => {
    // Whatever is sent to the port arrives before the marker does.
    const learned = run(inNetwork("link set lo up"), ["127.0.0.1"], {
      before: `
        const server = Dgram.createSocket("udp4")
        const first = new Promise((resolve) => server.once("message", (message) => resolve(String(message))))
        await new Promise((resolve) => server.bind(9, "127.0.0.1", resolve))
      `,
      after: `
        const client = Dgram.createSocket("udp4")
        client.send("marker", 9, "127.0.0.1")
        learned.network = await first
        client.close()
        server.close()
      `
    })
    assert.strictEqual(learned.peeks["127.0.0.1"], "127.0.0.1/8")
    assert.strictEqual(learned.network, "marker")
  })
})

const hasLimits = process.platform !== "win32"
if (!hasLimits) console.log("skipped: NodeSourceAddress without descriptors, because this system has no ulimit")

describe.skipIf(!hasLimits)("NodeSourceAddress without descriptors", () => {
  const limited = ["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"]
  const exhaust = `
    const held = []
    try {
      for (let count = 0; count < 64; count++) held.push(Fs.openSync("/dev/null"))
    } catch {}
  `

  it("says that the source is unknown, and does not fail", () => {
    const learned = run(limited, ["127.0.0.1", "::1"], {
      before: exhaust,
      options: `{ internet: { IPv4: NetAddress.ipv4Loopback, IPv6: NetAddress.ipv6Loopback } }`
    })
    assert.deepStrictEqual(learned.peeks, { "127.0.0.1": "Unknown", "::1": "Unknown" })
  })
})
