/**
 * A connect and the network it happens in, as one JSON value.
 *
 * `fromText` and `fromUnknown` check scenarios and say what is wrong with
 * them; `run` plays one in virtual time and gives what `connect --json` would
 * have printed. The format is a stable interface, also as JSON Schema.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ConnectResult } from "./ConnectResult.ts"
import { describeIssues } from "./internal/describeIssues.ts"
import * as ScenarioRun from "./internal/scenarioRun.ts"
import * as Syntax from "./internal/worldSyntax.ts"

const text = <A>(parse: (text: string) => Syntax.Parsed<A>, expected: string) =>
  Schema.String.check(Schema.makeFilter((text) => Result.isSuccess(parse(text)), { expected }))

const Ipv4 = text(Syntax.ipv4, "an IPv4 address")

const Ipv6 = text(Syntax.ipv6, "an IPv6 address")

const Ip = text(Syntax.ip, "an IP address")

const Name = text(Syntax.domainName, "a domain name")

const Ms = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

const Uint16 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))

// JSON Schema cannot say what an address is, so keys are checked here alone.
const keyed = <S extends Schema.Constraint>(key: (text: string) => Syntax.Parsed<unknown>, value: S) =>
  Schema.Record(Schema.String, value).check(Schema.makeFilter((record) =>
    Object.keys(record).flatMap((text) => {
      const parsed = key(text)
      return Result.isFailure(parsed) ? [{ path: [text], issue: `Expected ${parsed.failure}` }] : []
    })
  ))

const described = (description: string) => ({ description })

const Behaviour = Schema.Struct({
  outcome: Schema.Literals(["accept", "refuse", "unreachable", "reset", "congested", "drop"]),
  afterMs: Schema.optionalKey(Ms.annotate(described("Counted from the attempt's start. Default 0."))),
  loss: Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })).annotate(
      described("The probability that a SYN is lost. Default 0.")
    )
  ),
  tls: Schema.optionalKey(
    Schema.Struct({ outcome: Schema.Literals(["ok", "fail", "stall"]), afterMs: Schema.optionalKey(Ms) }).annotate(
      described("How the TLS handshake ends, counted from the connect. Default: ok at once.")
    )
  )
})

const Network = keyed(Syntax.networkKey, Behaviour).annotate(
  described("By \"address\", or by \"address:port\" or \"[address]:port\", which wins. Not listed: silence.")
)

const Sources = keyed(Syntax.sourceKey, Schema.NullOr(text(Syntax.source, "an IP address, or ADDR/PREFIXLENGTH")))
  .annotate(described(
    "The source address this host would use, \"ADDR\" or \"ADDR/PREFIXLENGTH\", by \"IPv6\" and \"IPv4\" or by " +
      "destination address, which wins. null: no route. Absent: reachable from an unknown source."
  ))

const ServiceRecord = Schema.Struct({
  priority: Uint16,
  target: Name,
  alpn: Schema.optionalKey(Schema.Array(Schema.String)),
  noDefaultAlpn: Schema.optionalKey(Schema.Boolean),
  port: Schema.optionalKey(Schema.NullOr(Uint16)),
  ipv4hint: Schema.optionalKey(Schema.Array(Ipv4)),
  ipv6hint: Schema.optionalKey(Schema.Array(Ipv6)),
  mandatory: Schema.optionalKey(Schema.Array(Schema.Union([Uint16, text(Syntax.serviceKey, "a service parameter")])))
})

const Answer = Schema.Struct({
  type: Schema.Literals(["A", "AAAA", "HTTPS"]),
  name: Schema.optionalKey(Name.annotate(described("An owner other than the target's."))),
  atMs: Schema.optionalKey(Ms.annotate(described("Counted from the call of connect. Default 0."))),
  addresses: Schema.optionalKey(Schema.Array(Ip)),
  records: Schema.optionalKey(Schema.Array(ServiceRecord)),
  reason: Schema.optionalKey(
    Schema.Literals(["NotFound", "Timeout", "ServerFailure", "Refused", "InvalidResponse"])
  ),
  ttlSeconds: Schema.optionalKey(Ms)
}).check(Schema.makeFilter((answer) => {
  const { addresses, reason, records, type } = answer
  const wanted = type === "HTTPS" ? "records" : "addresses"
  const other = type === "HTTPS" ? addresses : records
  if (other !== undefined) return `Expected ${wanted} for the type ${type}`
  if ((reason === undefined) === (answer[wanted] === undefined)) return `Expected either ${wanted} or a reason`
  const parse: (text: string) => Syntax.Parsed<unknown> = type === "AAAA" ? Syntax.ipv6 : Syntax.ipv4
  return (addresses ?? []).flatMap((address, index) => {
    const parsed = parse(address)
    return Result.isFailure(parsed) ? [{ path: ["addresses", index], issue: `Expected ${parsed.failure}` }] : []
  })
}))

const Limit = Schema.NullOr(Schema.Finite)

const Delay = Schema.Union([Schema.Finite, Schema.Literal("adaptive")])

const Options = Schema.Struct({
  resolutionDelayMs: Schema.optionalKey(Delay),
  connectionAttemptDelayMs: Schema.optionalKey(Delay),
  attemptTimeoutMs: Schema.optionalKey(Limit),
  timeoutMs: Schema.optionalKey(Limit),
  maxAttemptsInFlight: Schema.optionalKey(Limit),
  maxCandidates: Schema.optionalKey(Limit),
  firstAddressFamilyCount: Schema.optionalKey(Schema.Finite),
  portOrder: Schema.optionalKey(Schema.Literals(["portMajor", "addressMajor", "preferFirst"])),
  family: Schema.optionalKey(Schema.NullOr(Schema.Literals(["IPv4", "IPv6"]))),
  tls: Schema.optionalKey(Schema.Boolean),
  https: Schema.optionalKey(Schema.Boolean),
  alpn: Schema.optionalKey(Schema.Array(Schema.String)),
  history: Schema.optionalKey(Schema.Boolean)
}).annotate(described("Absent: the library's default. null: no limit."))

/**
 * The format of a scenario.
 *
 * **Details**
 *
 * Decode with `onExcessProperty: "error"`, as `fromUnknown` does: an unknown
 * key is an error.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Scenario = Schema.Struct({
  name: Schema.String,
  source: Schema.optionalKey(Schema.String),
  target: Schema.Struct({
    host: Schema.String,
    ports: Schema.Array(Schema.Union([Schema.Finite, Schema.String])).annotate(
      described("As on the command line: 443, \"443/tls\" or \"https\".")
    )
  }),
  addresses: Schema.optionalKey(
    Schema.Array(Schema.String).annotate(described("Connect to this list, in this order."))
  ),
  options: Schema.optionalKey(Options),
  resolver: Schema.optionalKey(
    Schema.Array(Answer).annotate(described("One entry an answer. A type without an entry is never answered."))
  ),
  network: Schema.optionalKey(Network),
  synRetransmitsMs: Schema.optionalKey(
    Schema.Array(Ms).annotate(described("When a lost SYN is sent again, after the first. Default 1000, 3000, 7000."))
  ),
  sources: Schema.optionalKey(Sources),
  changes: Schema.optionalKey(
    Schema.Array(Schema.Struct({
      atMs: Ms,
      network: Schema.optionalKey(Network),
      sources: Schema.optionalKey(Sources)
    })).annotate(described(
      "How the world changes, counted from the first connect. What is underway then does not; a SYN sent again " +
        "meets the new world."
    ))
  ),
  interruptAtMs: Schema.optionalKey(Ms.annotate(described("When the caller is interrupted."))),
  repeat: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })).annotate(
      described("Connect this often in a row with one service; the result is then an array.")
    )
  )
}).annotate({ title: "Scenario", description: "A connect and the network it happens in." })

/**
 * A connect and the network it happens in.
 *
 * @category models
 * @since 0.1.0
 */
export type Scenario = typeof Scenario.Type

/**
 * What was given is not a scenario. `issues` has a line for each fault, which
 * names its place.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidScenario extends Data.TaggedError("InvalidScenario")<{
  readonly issues: ReadonlyArray<string>
}> {
  override get message(): string {
    return `not a scenario: ${this.issues.join("; ")}`
  }
}

const decode = Schema.decodeUnknownResult(Scenario, { errors: "all", onExcessProperty: "error", reportInput: true })

/**
 * Checks one scenario or an array of them.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromUnknown = (input: unknown): Result.Result<ReadonlyArray<Scenario>, InvalidScenario> =>
  Array.isArray(input)
    ? all(input.map((one, index) => decodeAt(one, [index])))
    : all([decodeAt(input, [])])

/**
 * Parses the text of a file: one scenario or an array of them as JSON, or one
 * scenario a line.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromText = (text: string): Result.Result<ReadonlyArray<Scenario>, InvalidScenario> => {
  const whole = parseJson(text)
  if (Result.isSuccess(whole)) return fromUnknown(whole.success)
  const lines = text.split("\n").flatMap((line, index) => line.trim() === "" ? [] : [{ line, number: index + 1 }])
  // What begins like one value that goes over several lines is that, and its own error helps more.
  const [first] = lines
  return first === undefined || lines.length === 1 || Result.isFailure(parseJson(first.line))
    ? Result.fail(whole.failure)
    : all(lines.map(({ line, number }) =>
      Result.mapError(
        Result.flatMap(parseJson(line), (value) => decodeAt(value, [])),
        ({ issues }) => new InvalidScenario({ issues: issues.map((issue) => `line ${number}: ${issue}`) })
      )
    ))
}

/**
 * Plays a scenario in virtual time, and gives its result: an array where the
 * scenario has `repeat`, also for 1.
 *
 * **Details**
 *
 * The same scenario and seed give the same result, whatever ran before. A
 * connect that no limit and no event can end any more is interrupted after an
 * hour.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  scenario: Scenario,
  options?: {
    /** For losses and shuffles. Default 0; `1` and `"1"` are the same. */
    readonly seed?: string | number | undefined
  }
): ConnectResult | ReadonlyArray<ConnectResult> => {
  const results = ScenarioRun.run(scenario, String(options?.seed ?? 0))
  return scenario.repeat === undefined ? results[0]! : results
}

/**
 * The format of a scenario as JSON Schema, draft 2020-12.
 *
 * @category schemas
 * @since 0.1.0
 */
export const toJsonSchema = (): JsonSchema.JsonSchema => ({
  $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
  ...Schema.toJsonSchemaDocument(Scenario, { onExcessProperty: "error" }).schema
})

const decodeAt = (input: unknown, path: ReadonlyArray<number>): Result.Result<Scenario, InvalidScenario> =>
  Result.mapError(decode(input), ({ issue }) => new InvalidScenario({ issues: describeIssues(issue, path) }))

const parseJson = (text: string): Result.Result<unknown, InvalidScenario> =>
  Result.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) =>
      new InvalidScenario({ issues: [`not JSON: ${cause instanceof Error ? cause.message : String(cause)}`] })
  })

/** All of them, or every fault of every one. */
const all = (
  results: ReadonlyArray<Result.Result<Scenario, InvalidScenario>>
): Result.Result<ReadonlyArray<Scenario>, InvalidScenario> => {
  const issues = results.flatMap((result) => Result.isFailure(result) ? result.failure.issues : [])
  return issues.length === 0
    ? Result.succeed(results.filter(Result.isSuccess).map(({ success }) => success))
    : Result.fail(new InvalidScenario({ issues }))
}
