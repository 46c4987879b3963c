import { assert, describe, expect, it } from "@effect/vitest"
import { ConnectResult, Scenario, VirtualTime } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { scheduledResolver } from "../../src/testing/internal/scenarioRun.ts"

const parse = (input: unknown): Scenario.Scenario => Result.getOrThrow(Scenario.fromUnknown(input))[0]!

const isResult = Schema.decodeUnknownResult(ConnectResult.ConnectResult, { onExcessProperty: "error" })

const play = (input: object, seed?: number): ConnectResult.ConnectResult => {
  const result = Scenario.run(parse({ name: "test", ...input }), { seed })
  if (Array.isArray(result)) return assert.fail("one result was expected")
  assert.deepStrictEqual(isResult(result), Result.succeed(result as ConnectResult.ConnectResult))
  return result as ConnectResult.ConnectResult
}

/** `address outcome started-ended`, a line an attempt, and how it ended. */
const summary = (input: object): ReadonlyArray<string> => {
  const { attempts, elapsedMs, error, leaked, winner } = play(input)
  assert.strictEqual(leaked, 0)
  return [
    ...attempts.map(({ address, code, endedAtMs, outcome, port, startedAtMs }) =>
      `${address} ${port} ${code ?? outcome} ${startedAtMs}-${endedAtMs}`
    ),
    `${error?.tag ?? `${winner?.protocol} ${winner?.address}`} at ${elapsedMs}`
  ]
}

const dual = (atMs: { readonly AAAA: number; readonly A: number }) => [
  { type: "AAAA", atMs: atMs.AAAA, addresses: ["2001:db8::1", "2001:db8::2"], ttlSeconds: 60 },
  { type: "A", atMs: atMs.A, addresses: ["192.0.2.1", "192.0.2.2"], ttlSeconds: 60 }
]

const target = { host: "dual.example", ports: [443] }

describe("Scenario.run", () => {
  it("gives the result of the format's own example, byte for byte", () => {
    const [scenario] = Result.getOrThrow(Scenario.fromText(`{
      "name": "v6 blackhole", "source": "RFC 8305 §5",
      "target": { "host": "dual.example", "ports": [443] },
      "resolver": [
        { "type": "AAAA", "atMs": 20, "addresses": ["2001:db8::1"], "ttlSeconds": 60 },
        { "type": "A", "atMs": 22, "addresses": ["192.0.2.1"], "ttlSeconds": 60 }
      ],
      "network": { "2001:db8::1": { "outcome": "drop" }, "192.0.2.1": { "outcome": "accept", "afterMs": 30, "loss": 0 } }
    }`))
    assert.strictEqual(
      JSON.stringify(Scenario.run(scenario!)),
      "{\"name\":\"v6 blackhole\",\"ok\":true,\"target\":{\"host\":\"dual.example\",\"ports\":[443]}," +
        "\"winner\":{\"address\":\"192.0.2.1\",\"port\":443,\"family\":\"IPv4\",\"protocol\":\"tcp\"},\"elapsedMs\":300," +
        "\"attempts\":[" +
        "{\"address\":\"2001:db8::1\",\"port\":443,\"startedAtMs\":20,\"endedAtMs\":300," +
        "\"outcome\":\"interrupted\",\"kind\":null,\"code\":null}," +
        "{\"address\":\"192.0.2.1\",\"port\":443,\"startedAtMs\":270,\"endedAtMs\":300," +
        "\"outcome\":\"connected\",\"kind\":null,\"code\":null}]," +
        "\"resolution\":[" +
        "{\"type\":\"AAAA\",\"atMs\":20,\"addresses\":[\"2001:db8::1\"],\"ttlSeconds\":60,\"reason\":null}," +
        "{\"type\":\"A\",\"atMs\":22,\"addresses\":[\"192.0.2.1\"],\"ttlSeconds\":60,\"reason\":null}]," +
        "\"error\":null,\"leaked\":0}"
    )
  })

  it("asks no resolver for a literal address, and keeps the host as it was given", () => {
    const result = play({
      target: { host: "2001:DB8::0001", ports: ["https"] },
      resolver: dual({ AAAA: 0, A: 0 }),
      network: { "2001:db8::1": { outcome: "accept", afterMs: 7 } }
    })
    assert.deepStrictEqual(result.target, { host: "2001:DB8::0001", ports: [443] })
    assert.deepStrictEqual(result.resolution, [])
    assert.deepStrictEqual(result.winner, { address: "2001:db8::1", port: 443, family: "IPv6", protocol: "tcp" })
  })

  it("tries a list of addresses in its order and asks no resolver", () => {
    assert.deepStrictEqual(
      summary({
        target,
        addresses: ["192.0.2.9", "192.0.2.8", "2001:db8::1"],
        resolver: dual({ AAAA: 0, A: 0 }),
        network: {
          "192.0.2.9": { outcome: "refuse", afterMs: 5 },
          "192.0.2.8": { outcome: "unreachable", afterMs: 5 },
          "2001:db8::1": { outcome: "accept", afterMs: 5 }
        }
      }),
      [
        "192.0.2.9 443 ECONNREFUSED 0-5",
        "192.0.2.8 443 EHOSTUNREACH 5-10",
        "2001:db8::1 443 connected 10-15",
        "tcp 2001:db8::1 at 15"
      ]
    )
  })

  it("connects to the path of a Unix socket", () => {
    assert.deepStrictEqual(
      play({ target: { host: "unix:/run/app.sock", ports: [] }, network: { "/run/app.sock": { outcome: "accept" } } })
        .winner,
      { address: "/run/app.sock", port: null, family: null, protocol: "tcp" }
    )
  })

  it("hears failures and empty answers, and nothing of a type that is not listed", () => {
    const { elapsedMs, error, resolution } = play({
      target,
      resolver: [
        { type: "AAAA", atMs: 5, addresses: [] },
        { type: "A", atMs: 9, reason: "ServerFailure", ttlSeconds: 2 }
      ]
    })
    assert.deepStrictEqual(resolution, [
      { type: "AAAA", atMs: 5, addresses: [], ttlSeconds: null, reason: "NotFound" },
      { type: "A", atMs: 9, addresses: [], ttlSeconds: 2, reason: "ServerFailure" }
    ])
    assert.deepStrictEqual([error?.tag, elapsedMs], ["NoAddresses", 9])
    assert.deepStrictEqual(summary({ target, resolver: [{ type: "A", reason: "NotFound" }] }), ["TimedOut at 10000"])
  })

  const options: ReadonlyArray<[object, object, ReadonlyArray<string>]> = [
    [
      { resolutionDelayMs: 30 },
      { resolver: dual({ AAAA: 90, A: 10 }), network: { "192.0.2.1": { outcome: "accept", afterMs: 5 } } },
      ["192.0.2.1 443 connected 40-45", "tcp 192.0.2.1 at 45"]
    ],
    [
      { connectionAttemptDelayMs: 100 },
      { resolver: dual({ AAAA: 0, A: 0 }), network: { "192.0.2.1": { outcome: "accept", afterMs: 5 } } },
      ["2001:db8::1 443 interrupted 0-105", "192.0.2.1 443 connected 100-105", "tcp 192.0.2.1 at 105"]
    ],
    [
      { connectionAttemptDelayMs: "adaptive", resolutionDelayMs: "adaptive" },
      { resolver: dual({ AAAA: 90, A: 0 }), network: { "2001:db8::1": { outcome: "accept", afterMs: 5 } } },
      ["192.0.2.1 443 interrupted 50-305", "2001:db8::1 443 connected 300-305", "tcp 2001:db8::1 at 305"]
    ],
    [
      { attemptTimeoutMs: 400, maxCandidates: 1 },
      { resolver: dual({ AAAA: 0, A: 0 }) },
      ["2001:db8::1 443 ETIMEDOUT 0-400", "AllAttemptsFailed at 400"]
    ],
    [
      { attemptTimeoutMs: null, timeoutMs: 60_000, maxCandidates: 1 },
      { resolver: dual({ AAAA: 0, A: 0 }) },
      ["2001:db8::1 443 interrupted 0-60000", "TimedOut at 60000"]
    ],
    [
      { timeoutMs: 120 },
      { resolver: dual({ AAAA: 0, A: 0 }) },
      ["2001:db8::1 443 interrupted 0-120", "TimedOut at 120"]
    ],
    [
      { maxAttemptsInFlight: 1, attemptTimeoutMs: 1000, timeoutMs: 2500 },
      { resolver: dual({ AAAA: 0, A: 0 }) },
      [
        "2001:db8::1 443 ETIMEDOUT 0-1000",
        "192.0.2.1 443 ETIMEDOUT 1000-2000",
        "2001:db8::2 443 interrupted 2000-2500",
        "TimedOut at 2500"
      ]
    ],
    [
      { firstAddressFamilyCount: 2, timeoutMs: 700, maxAttemptsInFlight: null, maxCandidates: null },
      { resolver: dual({ AAAA: 0, A: 0 }) },
      [
        "2001:db8::1 443 interrupted 0-700",
        "2001:db8::2 443 interrupted 250-700",
        "192.0.2.1 443 interrupted 500-700",
        "TimedOut at 700"
      ]
    ],
    [
      { portOrder: "addressMajor", timeoutMs: 300 },
      { target: { host: "dual.example", ports: [80, 8080] }, resolver: dual({ AAAA: 0, A: 0 }) },
      ["2001:db8::1 80 interrupted 0-300", "2001:db8::1 8080 interrupted 250-300", "TimedOut at 300"]
    ],
    [
      { family: "IPv4" },
      { resolver: dual({ AAAA: 0, A: 0 }), network: { "192.0.2.1": { outcome: "accept", afterMs: 5 } } },
      ["192.0.2.1 443 connected 0-5", "tcp 192.0.2.1 at 5"]
    ],
    [
      { family: null, tls: true },
      {
        resolver: dual({ AAAA: 0, A: 0 }),
        network: {
          "2001:db8::1": { outcome: "accept", afterMs: 5, tls: { outcome: "stall" } },
          "192.0.2.1": { outcome: "accept", afterMs: 5, tls: { outcome: "fail", afterMs: 10 } },
          "2001:db8::2": { outcome: "accept", afterMs: 5, tls: { outcome: "ok", afterMs: 20 } }
        }
      },
      [
        "2001:db8::1 443 interrupted 0-290",
        "192.0.2.1 443 ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE 250-265",
        "2001:db8::2 443 connected 265-290",
        "tls 2001:db8::2 at 290"
      ]
    ]
  ]
  it.each(options)("passes on the options %j", (options, scenario, expected) => {
    assert.deepStrictEqual(summary({ target, options, ...scenario }), expected)
  })

  it("plays TLS where the port asks for it, and plain where it does not", () => {
    const network = { "192.0.2.1": { outcome: "accept", tls: { outcome: "ok", afterMs: 25 } } }
    assert.deepStrictEqual(summary({ target: { host: "192.0.2.1", ports: ["443/tls"] }, network }), [
      "192.0.2.1 443 connected 0-25",
      "tls 192.0.2.1 at 25"
    ])
    assert.deepStrictEqual(summary({ target: { host: "192.0.2.1", ports: ["80"] }, network }), [
      "192.0.2.1 80 connected 0-0",
      "tcp 192.0.2.1 at 0"
    ])
  })

  it("gives an invalid target or option as a result, because the scenario itself is valid", () => {
    const invalid = (input: object) => {
      const { error, target } = play(input)
      return [error?.tag, target.host, ...target.ports]
    }
    assert.deepStrictEqual(invalid({ target: { host: "", ports: [443] } }), ["InvalidTarget", "", 443])
    assert.deepStrictEqual(invalid({ target: { host: "a..b", ports: ["https"] } }), ["InvalidTarget", "a..b", 443])
    assert.deepStrictEqual(invalid({ target: { host: "a.example", ports: [80, 70_000] } }), [
      "InvalidTarget",
      "a.example",
      80
    ])
    assert.deepStrictEqual(invalid({ target, addresses: ["a.example"] }), ["InvalidTarget", "dual.example", 443])
    assert.deepStrictEqual(invalid({ target, options: { connectionAttemptDelayMs: 5 } }), [
      "InvalidOptions",
      "dual.example",
      443
    ])
  })

  it("waits for free descriptors where the host is congested", () => {
    const result = play({
      target: { host: "192.0.2.1", ports: [443] },
      network: { "192.0.2.1": { outcome: "congested" } },
      changes: [{ atMs: 35, network: { "192.0.2.1": { outcome: "accept", afterMs: 5 } } }]
    })
    assert.isTrue(result.ok)
    assert.strictEqual(result.attempts.length, 1)
    assert.isAbove(result.elapsedMs, 39)
  })

  it("changes the world while a connect runs, before what else happens then", () => {
    const scenario = {
      target: { host: "192.0.2.1", ports: [443] },
      options: { attemptTimeoutMs: 8000 },
      changes: [{ atMs: 3000, network: { "192.0.2.1": { outcome: "accept", afterMs: 5 } } }]
    }
    // Its SYN is sent again at 1000, when nobody listens, and at 3000.
    assert.deepStrictEqual(summary(scenario), ["192.0.2.1 443 connected 0-3005", "tcp 192.0.2.1 at 3005"])
    assert.deepStrictEqual(summary({ ...scenario, synRetransmitsMs: [500, 3100] }), [
      "192.0.2.1 443 connected 0-3105",
      "tcp 192.0.2.1 at 3105"
    ])
    assert.deepStrictEqual(summary({ ...scenario, synRetransmitsMs: [] }), [
      "192.0.2.1 443 ETIMEDOUT 0-8000",
      "AllAttemptsFailed at 8000"
    ])
  })

  it("fails at once where there is no route, also from a change on", () => {
    const network = { "192.0.2.1": { outcome: "refuse", afterMs: 50 }, "192.0.2.2": { outcome: "accept", afterMs: 5 } }
    const addresses = ["192.0.2.1", "192.0.2.2"]
    assert.deepStrictEqual(summary({ target, addresses, network, sources: { "192.0.2.1": null } }), [
      "192.0.2.1 443 ENETUNREACH 0-0",
      "192.0.2.2 443 connected 0-5",
      "tcp 192.0.2.2 at 5"
    ])
    assert.deepStrictEqual(
      summary({ target, addresses, network, changes: [{ atMs: 40, sources: { IPv4: null } }] }),
      ["192.0.2.1 443 ECONNREFUSED 0-50", "192.0.2.2 443 ENETUNREACH 50-50", "AllAttemptsFailed at 50"]
    )
  })

  it("lets the sources of the host decide which family goes first", () => {
    const scenario = {
      target,
      resolver: dual({ AAAA: 90, A: 10 }),
      network: { "192.0.2.1": { outcome: "accept", afterMs: 5 }, "2001:db8::1": { outcome: "accept", afterMs: 5 } }
    }
    assert.deepStrictEqual(summary({ ...scenario, sources: { IPv6: null, IPv4: "192.0.2.100" } }), [
      "192.0.2.1 443 connected 10-15",
      "tcp 192.0.2.1 at 15"
    ])
    assert.deepStrictEqual(summary({ ...scenario, sources: { IPv6: "2001:db8::100/64", IPv4: null } }), [
      "192.0.2.1 443 ENETUNREACH 60-60",
      "192.0.2.2 443 ENETUNREACH 60-60",
      "2001:db8::1 443 connected 90-95",
      "tcp 2001:db8::1 at 95"
    ])
  })

  it("interrupts the caller at the given time, and leaves nothing open", () => {
    const scenario = { target, resolver: dual({ AAAA: 20, A: 25 }), network: { "192.0.2.1": { outcome: "refuse" } } }
    assert.deepStrictEqual(summary({ ...scenario, interruptAtMs: 300 }), [
      "2001:db8::1 443 interrupted 20-300",
      "192.0.2.1 443 ECONNREFUSED 270-270",
      "2001:db8::2 443 interrupted 270-300",
      "Interrupted at 300"
    ])
    assert.deepStrictEqual(summary({ ...scenario, interruptAtMs: 0 }), ["Interrupted at 0"])
    assert.strictEqual(play({ ...scenario, interruptAtMs: 10 }).error?.tag, "Interrupted")
  })

  it("does not interrupt what has returned", () => {
    const network = { "192.0.2.1": { outcome: "accept", afterMs: 30 } }
    assert.deepStrictEqual(summary({ target: { host: "192.0.2.1", ports: [1] }, network, interruptAtMs: 31 }), [
      "192.0.2.1 1 connected 0-30",
      "tcp 192.0.2.1 at 30"
    ])
  })

  it("ends a connect without limits after an hour", () => {
    assert.deepStrictEqual(summary({ target, options: { timeoutMs: null, attemptTimeoutMs: null } }), [
      "Interrupted at 3600000"
    ])
  })

  it("repeats with times of each connect's own, and changes counted from the first", () => {
    const scenario = parse({
      name: "twice",
      target,
      resolver: dual({ AAAA: 20, A: 20 }),
      network: { "192.0.2.1": { outcome: "accept", afterMs: 30 } },
      changes: [{ atMs: 310, network: { "2001:db8::1": { outcome: "accept", afterMs: 7 } } }],
      options: { history: false },
      repeat: 3
    })
    const results = Scenario.run(scenario)
    assert.isTrue(Array.isArray(results))
    assert.deepStrictEqual(
      (results as ReadonlyArray<ConnectResult.ConnectResult>).map(({ elapsedMs, leaked, winner }) => [
        winner?.address,
        elapsedMs,
        leaked
      ]),
      [["192.0.2.1", 300, 0], ["2001:db8::1", 27, 0], ["2001:db8::1", 27, 0]]
    )
  })

  it("gives an array whenever the scenario has repeat, and interrupts each connect anew", () => {
    const results = Scenario.run(parse({ name: "once", target, interruptAtMs: 50, repeat: 1 }))
    assert.isTrue(Array.isArray(results))
    const thrice = Scenario.run(parse({ name: "thrice", target, interruptAtMs: 50, repeat: 3 }))
    assert.deepStrictEqual(
      (thrice as ReadonlyArray<ConnectResult.ConnectResult>).map(({ elapsedMs, error }) => [error?.tag, elapsedMs]),
      [["Interrupted", 50], ["Interrupted", 50], ["Interrupted", 50]]
    )
  })

  it("gives the same bytes for the same seed, whatever ran before", () => {
    const scenario = parse({
      name: "lossy",
      target,
      resolver: dual({ AAAA: 0, A: 0 }),
      network: Object.fromEntries(
        ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"].map((address) => [
          address,
          { outcome: "accept", afterMs: 20, loss: 0.7 }
        ])
      ),
      repeat: 20
    })
    const bytes = (seed: number | string) => JSON.stringify(Scenario.run(scenario, { seed }))
    const first = bytes(1)
    assert.notStrictEqual(bytes(2), first)
    assert.strictEqual(bytes(1), first)
    assert.strictEqual(bytes("1"), first)
    assert.strictEqual(JSON.stringify(Scenario.run(scenario)), bytes(0))
  })

  it("leaves nothing open however and whenever it is interrupted", () => {
    const network = {
      "2001:db8::1": { outcome: "accept", afterMs: 270, tls: { outcome: "fail", afterMs: 10 } },
      "192.0.2.1": { outcome: "refuse", afterMs: 10 },
      "2001:db8::2": { outcome: "congested" },
      "192.0.2.2": { outcome: "accept", afterMs: 5, tls: { outcome: "ok", afterMs: 10 } }
    }
    for (let interruptAtMs = 0; interruptAtMs <= 600; interruptAtMs += 2.5) {
      const result = play({
        target,
        resolver: dual({ AAAA: 10, A: 12.5 }),
        network,
        options: { tls: true },
        interruptAtMs
      })
      assert.strictEqual(result.leaked, 0)
      assert.isAtMost(result.elapsedMs, interruptAtMs)
    }
  })
})

describe("the resolver of a scenario", () => {
  const scenario = parse({
    name: "aliased",
    target,
    resolver: [
      { type: "A", name: "svc.dual.example", atMs: 40, addresses: ["192.0.2.2"] },
      { type: "A", atMs: 40, addresses: ["192.0.2.3"] },
      { type: "A", atMs: 5, addresses: ["192.0.2.1"] }
    ]
  })
  /** Asks at each of the given times after a connect that starts at 1000. */
  const ask = (name: string, ...times: ReadonlyArray<number>) =>
    VirtualTime.runUnsafe(Effect.forEach(times, (atMs) =>
      Effect.gen(function*() {
        yield* Effect.sleep(1000 + atMs)
        const query = { name: Host.domainNameFromStringUnsafe(name), types: ["A"] } as const
        return yield* scheduledResolver(scenario, () => 1000).resolve(query).pipe(
          Stream.mapEffect((answer) =>
            Effect.map(Clock.currentTimeMillis, (now) =>
              `${now} ${answer._tag === "Addresses" ? answer.addresses.map(NetAddress.formatIp).join() : answer._tag}`)
          ),
          Stream.runCollect
        )
      }), { concurrency: "unbounded" }))

  it("gives the answers of another owner at the later of their time and the asking", () => {
    assert.deepStrictEqual(ask("svc.dual.example", 0, 15, 40, 90), [
      ["1040 192.0.2.2"],
      ["1040 192.0.2.2"],
      ["1040 192.0.2.2"],
      ["1090 192.0.2.2"]
    ])
    assert.deepStrictEqual(ask("dual.example", 10), [["1010 192.0.2.1", "1040 192.0.2.3"]])
  })
})

describe("Scenario.fromUnknown", () => {
  const minimal = { name: "x", target }

  it("takes one scenario or an array of them", () => {
    assert.deepStrictEqual(Scenario.fromUnknown(minimal), Result.succeed([minimal]))
    assert.deepStrictEqual(Scenario.fromUnknown([minimal, minimal]), Result.succeed([minimal, minimal]))
    assert.deepStrictEqual(Scenario.fromUnknown([]), Result.succeed([]))
  })

  const faults: ReadonlyArray<[unknown, string]> = [
    [{ ...minimal, reslover: [] }, "reslover: unknown key; known here: name, source, target"],
    [{ ...minimal, options: { timeout: 5 } }, "options.timeout: unknown key; known here: resolutionDelayMs"],
    [{ ...minimal, target: { ...target, port: 1 } }, "target.port: unknown key; known here: host, ports"],
    [
      { ...minimal, network: { "192.0.2.1": { outcome: "drop", after: 1 } } },
      "network[\"192.0.2.1\"].after: unknown key; known here: outcome, afterMs, loss, tls"
    ],
    [
      { ...minimal, network: { "192.0.2.1": { outcome: "accept", tls: { outcome: "ok", afterms: 1 } } } },
      "network[\"192.0.2.1\"].tls.afterms: unknown key; known here: outcome, afterMs"
    ],
    [
      { ...minimal, changes: [{ atMs: 0, names: {} }] },
      "changes[0].names: unknown key; known here: atMs, network, sources"
    ],
    [
      { ...minimal, resolver: [{ type: "HTTPS", records: [{ priority: 1, target: ".", echo: 1 }] }] },
      "resolver[0].records[0].echo: unknown key; known here: priority, target"
    ],
    [JSON.parse("{\"__proto__\":{}}"), "__proto__: unknown key"],
    [{ target }, "name: missing"],
    [{ name: "x" }, "target: missing"],
    [[minimal, { ...minimal, colour: "red" }], "[1].colour: unknown key"],
    [null, "expected object, got null"],
    [
      { ...minimal, network: { "1.2.3": { outcome: "drop" } } },
      "network[\"1.2.3\"]: expected an address, an address:port"
    ],
    [{ ...minimal, sources: { IPv5: null } }, "sources.IPv5: expected \"IPv4\", \"IPv6\" or an IP address"],
    [{ ...minimal, sources: { IPv4: "192.0.2.1/33" } }, "sources.IPv4: expected an IP address, or ADDR/PREFIXLENGTH"],
    [
      { ...minimal, network: { "192.0.2.1": { outcome: "open" } } },
      "network[\"192.0.2.1\"].outcome: expected \"accept\" | \"refuse\""
    ],
    [
      { ...minimal, network: { "192.0.2.1": { outcome: "drop", loss: 2 } } },
      "network[\"192.0.2.1\"].loss: expected a value between 0 and 1, got 2"
    ],
    [{ ...minimal, resolver: [{ type: "A", atMs: -1, addresses: [] }] }, "resolver[0].atMs: expected a value greater"],
    [{ ...minimal, resolver: [{ type: "A", atMs: 1 }] }, "resolver[0]: expected either addresses or a reason"],
    [
      { ...minimal, resolver: [{ type: "A", addresses: [], reason: "NotFound" }] },
      "resolver[0]: expected either addresses or a reason"
    ],
    [{ ...minimal, resolver: [{ type: "A", records: [] }] }, "resolver[0]: expected addresses for the type A"],
    [{ ...minimal, resolver: [{ type: "HTTPS", addresses: [] }] }, "resolver[0]: expected records for the type HTTPS"],
    [
      { ...minimal, resolver: [{ type: "AAAA", addresses: ["2001:db8::1", "192.0.2.1"] }] },
      "resolver[0].addresses[1]: expected an IPv6 address"
    ],
    [
      { ...minimal, resolver: [{ type: "A", addresses: ["1"] }] },
      "resolver[0].addresses[0]: expected an IP address, got \"1\""
    ],
    [
      { ...minimal, resolver: [{ type: "A", reason: "Gone" }] },
      "resolver[0].reason: expected \"NotFound\" | \"Timeout\""
    ],
    [{ ...minimal, repeat: 0 }, "repeat: expected a value between 1 and 10000, got 0"],
    [{ ...minimal, interruptAtMs: "1s" }, "interruptAtMs: expected number, got \"1s\""]
  ]
  it.each(faults)("refuses %j and names the place", (input, message) => {
    const parsed = Scenario.fromUnknown(input)
    assert.isTrue(Result.isFailure(parsed))
    if (Result.isFailure(parsed)) assert.include(parsed.failure.message, `not a scenario: ${message}`)
  })

  it("names every fault, not only the first", () => {
    const parsed = Scenario.fromUnknown([{ ...minimal, a: 1, b: 2 }, { name: 5 }])
    assert.isTrue(Result.isFailure(parsed))
    if (Result.isFailure(parsed)) {
      assert.deepStrictEqual(parsed.failure.issues.map((issue) => issue.slice(0, issue.indexOf(": "))), [
        "[0].a",
        "[0].b",
        "[1].name",
        "[1].target"
      ])
    }
  })
})

describe("Scenario.fromText", () => {
  const minimal = { name: "x", target }
  const issues = (text: string) => {
    const parsed = Scenario.fromText(text)
    return Result.isFailure(parsed) ? parsed.failure.issues : assert.fail("it was taken")
  }

  it("takes JSON, of one or of many, and one scenario a line", () => {
    const one = JSON.stringify(minimal)
    assert.deepStrictEqual(Scenario.fromText(one), Result.succeed([minimal]))
    assert.deepStrictEqual(Scenario.fromText(JSON.stringify(minimal, null, 2)), Result.succeed([minimal]))
    assert.deepStrictEqual(Scenario.fromText(`[${one},\n${one}]`), Result.succeed([minimal, minimal]))
    assert.deepStrictEqual(Scenario.fromText(`${one}\n\n${one}\r\n`), Result.succeed([minimal, minimal]))
  })

  it("names the line of a fault", () => {
    const one = JSON.stringify(minimal)
    assert.deepStrictEqual(issues(`${one}\n\n{"name":"x","target":{"host":"a","ports":[1]},"port":1}\n${one}`), [
      "line 3: port: unknown key; known here: name, source, target, addresses, options, resolver, network, " +
      "synRetransmitsMs, sources, changes, interruptAtMs, repeat"
    ])
    assert.match(issues(`${one}\n{"name`).join(), /^line 2: not JSON: /)
  })

  it("says of text that is no JSON where that is", () => {
    assert.match(issues("").join(), /^not JSON: /)
    assert.match(issues("{\n  \"name\": oops\n}").join(), /^not JSON: .*oops/s)
  })
})

describe("the JSON Schema files", () => {
  const file = (name: string) => new URL(`../../../../docs/schema/${name}`, import.meta.url).pathname
  const text = (schema: object) => `${JSON.stringify(schema, null, 2)}\n`

  it("have the scenario's format as the code has it", () =>
    expect(text(Scenario.toJsonSchema())).toMatchFileSnapshot(file("scenario.schema.json")))

  it("have the result's format as the code has it", () =>
    expect(text(ConnectResult.toJsonSchema())).toMatchFileSnapshot(file("connect-result.schema.json")))
})
