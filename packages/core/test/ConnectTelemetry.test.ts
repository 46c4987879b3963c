import { assert, describe, it } from "@effect/vitest"
import { ConnectLog, ConnectMetrics, type ConnectOptions, ConnectSpans, HappyEyeballs } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

const { HappyEyeballs: Service } = HappyEyeballs

/** IPv6 is silent: the second attempt wins, at 300 ms. */
const broken: World.World = {
  names: {
    "dual.example": [
      { type: "AAAA", afterMs: 20, addresses: ["2001:db8::1"], ttlSeconds: 60 },
      { type: "A", afterMs: 22, addresses: ["192.0.2.1"], ttlSeconds: 60 }
    ],
    "one.example": [
      { type: "AAAA", afterMs: 5, reason: "NotFound" },
      { type: "A", afterMs: 5, addresses: ["192.0.2.1"], ttlSeconds: 60 }
    ],
    "ill.example": [{ type: "AAAA", reason: "ServerFailure" }, { type: "A", reason: "Timeout" }]
  },
  network: {
    "2001:db8::1": { outcome: "drop" },
    "192.0.2.1": { outcome: "accept", afterMs: 30, tls: { outcome: "ok", afterMs: 40 } },
    "192.0.2.2": { outcome: "refuse", afterMs: 10 },
    "192.0.2.3": { outcome: "accept", afterMs: 10, tls: { outcome: "fail", afterMs: 7 } },
    "192.0.2.4": { outcome: "accept", afterMs: 1500 }
  }
}

type Telemetry = Layer.Layer<never, never, HappyEyeballs.HappyEyeballs>

const on = <A, E>(
  telemetry: Telemetry,
  program: Effect.Effect<A, E, HappyEyeballs.HappyEyeballs | Scope.Scope>,
  references: Context.Context<never> = Context.empty()
) =>
  VirtualTime.runUnsafe(
    Effect.scoped(program).pipe(
      Effect.provide(telemetry.pipe(Layer.provideMerge(Service.layer), Layer.provide(SimulatedNetwork.layer(broken)))),
      Effect.provideContext(references)
    )
  )

const connect = (target: string, options?: ConnectOptions.ConnectOptions) =>
  Effect.gen(function*() {
    const { connect } = yield* Service
    return yield* Effect.exit(Effect.scoped(connect(target, options)))
  })

describe("ConnectSpans.layer", () => {
  const spansOf = <A, E>(program: Effect.Effect<A, E, HappyEyeballs.HappyEyeballs | Scope.Scope>, enabled = true) => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span(options) {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    on(
      ConnectSpans.layer,
      program,
      Context.make(Tracer.Tracer, tracer).pipe(Context.add(References.TracerEnabled, enabled))
    )
    return spans
  }

  const shown = (span: Tracer.Span) => {
    const { status } = span
    if (status._tag !== "Ended") return `${span.name} has not ended`
    const [start, end] = [status.startTime, status.endTime].map((at) => Number(at / 1000n) / 1000)
    return `${span.name} ${start}-${end} ${status.exit._tag}`
  }

  it("makes one for the connect, and below it one for each answer and each attempt, at their times", () => {
    const spans = spansOf(connect("dual.example:443"))
    assert.deepStrictEqual(spans.map(shown), [
      "connection_setup 0-300 Success",
      "DNS lookup 0-20 Success",
      "DNS lookup 0-22 Success",
      "socket connect 270-300 Success",
      "socket connect 20-300 Success"
    ])
    const [setup, ...others] = spans
    for (const { parent } of others) assert.strictEqual(parent.valueOrUndefined, setup)
    assert.deepStrictEqual(Object.fromEntries(setup!.attributes), {
      "server.address": "dual.example",
      "server.port": 443,
      "network.peer.address": "192.0.2.1",
      "network.peer.port": 443,
      "network.type": "ipv4",
      "network.transport": "tcp",
      "happy_eyeballs.attempts": 2,
      "happy_eyeballs.failed_attempts": 0,
      "happy_eyeballs.winner": 1
    })
    assert.deepStrictEqual(Object.fromEntries(spans[1]!.attributes), {
      "dns.question.name": "dual.example",
      "dns.answers": ["2001:db8::1"],
      "happy_eyeballs.dns.type": "AAAA",
      "happy_eyeballs.dns.source": "network"
    })
    assert.deepStrictEqual(Object.fromEntries(spans[4]!.attributes), {
      "server.address": "dual.example",
      "network.peer.address": "2001:db8::1",
      "network.peer.port": 443,
      "network.type": "ipv6",
      "network.transport": "tcp",
      "happy_eyeballs.attempt": 0,
      "happy_eyeballs.outcome": "interrupted"
    })
  })

  it("tells the time of TLS from that of TCP", () => {
    assert.deepStrictEqual(spansOf(connect("192.0.2.1:443", { tls: true })).map(shown), [
      "connection_setup 0-70 Success",
      "socket connect 0-30 Success",
      "TLS handshake 30-70 Success"
    ])
  })

  it("fails the step that failed, with its type, and the connect", () => {
    const spans = spansOf(connect("192.0.2.3:443", { tls: true }))
    assert.deepStrictEqual(spans.map(shown), [
      "connection_setup 0-17 Failure",
      "socket connect 0-10 Success",
      "TLS handshake 10-17 Failure"
    ])
    assert.deepStrictEqual(spans.map((span) => span.attributes.get("error.type")), [
      "AllAttemptsFailed",
      undefined,
      "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE"
    ])
    const refused = spansOf(connect("192.0.2.2:443"))
    assert.deepStrictEqual(refused.map(shown), ["connection_setup 0-10 Failure", "socket connect 0-10 Failure"])
    assert.strictEqual(refused[1]!.attributes.get("error.type"), "ECONNREFUSED")
  })

  it("fails a lookup that failed, and not one that found nothing", () => {
    const [, aaaa] = spansOf(connect("one.example:443"))
    assert.strictEqual(shown(aaaa!), "DNS lookup 0-5 Success")
    const [setup, ...lookups] = spansOf(connect("ill.example:443"))
    assert.strictEqual(setup!.attributes.get("error.type"), "NoAddresses")
    assert.deepStrictEqual(lookups.map((span) => [shown(span), span.attributes.get("error.type")]), [
      ["DNS lookup 0-0 Failure", "ServerFailure"],
      ["DNS lookup 0-0 Failure", "Timeout"]
    ])
  })

  it("says of a caller that went away that it did", () => {
    const spans = spansOf(Effect.timeoutOption(connect("dual.example:443"), 100))
    const { exit } = spans[0]!.status as Extract<Tracer.SpanStatus, { _tag: "Ended" }>
    assert.strictEqual(shown(spans[0]!), "connection_setup 0-100 Failure")
    assert.isFalse(spans[0]!.attributes.has("error.type"))
    assert.isTrue(spans[0]!.attributes.get("happy_eyeballs.interrupted"))
    assert.include(String(exit), "Interrupt")
    assert.strictEqual(shown(spans.at(-1)!), "socket connect 20-100 Success")
  })

  it("puts the connect below the span of its caller", () => {
    const spans = spansOf(Effect.withSpan(connect("192.0.2.1:443"), "request"))
    const request = spans.find(({ name }) => name === "request")
    const setup = spans.find(({ name }) => name === "connection_setup")
    assert.strictEqual(setup!.parent.valueOrUndefined, request)
    assert.strictEqual(setup!.traceId, request!.traceId)
  })

  it("makes none where tracing is off", () => {
    assert.deepStrictEqual(spansOf(connect("192.0.2.1:443"), false), [])
  })
})

describe("ConnectMetrics.layer", () => {
  const seriesAfter = <A, E>(
    program: Effect.Effect<A, E, HappyEyeballs.HappyEyeballs | Scope.Scope>,
    options?: ConnectMetrics.Options
  ): ReadonlyArray<string> => {
    const registry = Context.make(Metric.MetricRegistry, new Map())
    on(ConnectMetrics.layer(options), program, registry)
    return Metric.snapshotUnsafe(registry).map(({ attributes, id, state }) => {
      const set = Object.entries(attributes ?? {}).filter(([key]) => key !== "unit").map(([key, value]) =>
        `${key}=${value}`
      ).toSorted().join(" ")
      const value = "sum" in state ? `n=${state.count} sum=${state.sum}` : "count" in state ? state.count : (state as {
        readonly value: number
      }).value
      return `${id}{${set}} ${value}`
    }).toSorted()
  }

  it("counts answers, attempts and wins, and measures lookups and connects", () => {
    assert.deepStrictEqual(seriesAfter(connect("dual.example:443")), [
      "dns.lookup.duration{dns.question.type=AAAA} n=1 sum=0.02",
      "dns.lookup.duration{dns.question.type=A} n=1 sum=0.022",
      "happy_eyeballs.attempts.open{} 0",
      "happy_eyeballs.attempts{network.type=ipv4 outcome=connected} 1",
      "happy_eyeballs.attempts{network.type=ipv6 outcome=interrupted} 1",
      "happy_eyeballs.connect.duration{outcome=connected} n=1 sum=0.3",
      "happy_eyeballs.dns.answers{source=network} 2",
      "happy_eyeballs.wins{network.type=ipv4} 1"
    ])
  })

  it("says what failed, and adds up", () => {
    const twice = Effect.andThen(connect("192.0.2.2:443"), connect("192.0.2.2:443"))
    assert.deepStrictEqual(seriesAfter(twice), [
      "happy_eyeballs.attempts.open{} 0",
      "happy_eyeballs.attempts{error.type=ECONNREFUSED network.type=ipv4 outcome=failed} 2",
      "happy_eyeballs.connect.duration{error.type=AllAttemptsFailed outcome=failed} n=2 sum=0.02"
    ])
  })

  it("names no host unless it is asked to", () => {
    assert.isFalse(seriesAfter(connect("dual.example:443")).some((series) => series.includes("dual.example")))
    const named = seriesAfter(connect("dual.example:443"), { hostNames: true })
    assert.include(named, "happy_eyeballs.wins{network.type=ipv4 server.address=dual.example} 1")
  })

  it("has no attempt open after an interruption", () => {
    const series = seriesAfter(Effect.timeoutOption(connect("dual.example:443"), 100))
    assert.include(series, "happy_eyeballs.attempts.open{} 0")
    assert.include(series, "happy_eyeballs.connect.duration{outcome=interrupted} n=1 sum=0.1")
  })
})

describe("ConnectLog.layer", () => {
  const linesOf = <A, E>(
    program: Effect.Effect<A, E, HappyEyeballs.HappyEyeballs | Scope.Scope>,
    options?: ConnectLog.Options,
    level: "Debug" | "Info" = "Info"
  ) => {
    const lines: Array<{ level: string; message: string; annotations: Record<string, unknown> }> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      lines.push({
        level: logLevel,
        message: String(message),
        annotations: { ...fiber.getRef(References.CurrentLogAnnotations) }
      })
    })
    on(
      ConnectLog.layer(options),
      program,
      Context.make(Logger.CurrentLoggers, new Set([logger])).pipe(Context.add(References.MinimumLogLevel, level))
    )
    return lines
  }

  it("warns of a connect that another attempt than the first has won, with what happened", () => {
    const [warning, ...others] = linesOf(Effect.annotateLogs(connect("dual.example:443"), "request", 7))
    assert.deepStrictEqual(others, [])
    assert.deepStrictEqual(warning, {
      level: "Warn",
      message: [
        "dual.example was reached only by attempt 2 (192.0.2.1), after 300 ms",
        "  at 20 ms  AAAA: 2001:db8::1",
        "  at 22 ms  A: 192.0.2.1",
        "  20 ms to 300 ms  2001:db8::1 port 443: interrupted",
        "  270 ms to 300 ms  192.0.2.1 port 443: connected"
      ].join("\n"),
      annotations: {
        request: 7,
        "server.address": "dual.example",
        "network.peer.address": "192.0.2.1",
        "happy_eyeballs.elapsed_ms": 300,
        "happy_eyeballs.attempts": 2
      }
    })
  })

  it("warns of a connect that took longer than it may", () => {
    const slow = connect("192.0.2.4:443")
    assert.include(linesOf(slow)[0]!.message, "connecting to 192.0.2.4 took 1.5 s")
    assert.deepStrictEqual(linesOf(slow, { warnAfter: "2 seconds" }), [])
    assert.deepStrictEqual(linesOf(slow, { warnAfter: Infinity }), [])
  })

  it("says nothing of a connect as it should be, nor of one that is interrupted or fails at once", () => {
    assert.deepStrictEqual(linesOf(connect("192.0.2.1:443")), [])
    assert.deepStrictEqual(linesOf(connect("192.0.2.2:443")), [])
    assert.deepStrictEqual(linesOf(Effect.timeoutOption(connect("dual.example:443"), 2000), { warnAfter: 0 }).length, 1)
    assert.deepStrictEqual(linesOf(Effect.timeoutOption(connect("dual.example:443"), 100), { warnAfter: 0 }), [])
  })

  it("warns of one host once in a time, and then says how often it did not", () => {
    const lines = linesOf(Effect.gen(function*() {
      for (let count = 0; count < 4; count++) yield* connect("dual.example:443")
      yield* Effect.sleep("1 minute")
      yield* connect("dual.example:443")
    }))
    assert.strictEqual(lines.length, 2)
    assert.include(lines[1]!.message, "after 300 ms (3 more like it were not logged)\n")
  })

  it("has a line for each event at the level of debugging, and makes none above it", () => {
    const lines = linesOf(connect("dual.example:443"), {}, "Debug").filter(({ level }) => level === "Debug")
    assert.deepStrictEqual(lines.map(({ message }) => message), [
      "0 ms: connecting to dual.example:443",
      "20 ms: AAAA of dual.example (network): 1 addresses",
      "20 ms: attempt 1 at [2001:db8::1]:443",
      "22 ms: A of dual.example (network): 1 addresses",
      "270 ms: attempt 2 at 192.0.2.1:443",
      "300 ms: 192.0.2.1:443 connected",
      "300 ms: [2001:db8::1]:443 was given up",
      "300 ms: connected to dual.example:443"
    ])
    assert.deepStrictEqual(lines[2]!.annotations, {
      "happy_eyeballs.connect": 0,
      "happy_eyeballs.event": "AttemptStarted"
    })
  })
})

describe("HappyEyeballs.observe", () => {
  it("calls until its scope closes, each observer for itself", () => {
    const seen: Array<string> = []
    const observer = ({ _tag }: { readonly _tag: string }) => void seen.push(_tag)
    on(
      Layer.empty,
      Effect.gen(function*() {
        const { observe } = yield* Service
        yield* observe(observer)
        yield* Effect.scoped(Effect.andThen(observe(observer), connect("192.0.2.2:443")))
        assert.strictEqual(seen.length, 8)
        yield* connect("192.0.2.2:443")
      })
    )
    assert.strictEqual(seen.length, 12)
  })

  it("lets no failure of an observer reach the connect, and logs it", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ cause, message }) => void logged.push(`${String(message)} ${String(cause)}`))
    const exit = on(
      Layer.effectDiscard(Effect.flatMap(Service, ({ observe }) =>
        observe(({ _tag }) => {
          if (_tag === "AttemptStarted") throw new Error("cannot")
        }))),
      connect("192.0.2.1:443"),
      Context.make(Logger.CurrentLoggers, new Set([logger]))
    )
    assert.strictEqual(exit._tag, "Success")
    assert.strictEqual(logged.length, 1)
    assert.include(logged[0]!, "an observer of connects failed")
  })
})
