import type { ConnectOptions, ConnectReport, Target } from "@happy-eyeballs/core"
import type { World } from "@happy-eyeballs/core/testing"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

/**
 * One random connect: what is said of the name, how the hosts behave, and the
 * options. Plain data, so that a failing one can be read and typed in again.
 * `null` is no limit, or nothing said.
 */
export interface Trial {
  /** What the resolver says of the name, in array order where times tie. */
  readonly answers: ReadonlyArray<Said>
  /** Connects to these addresses instead of the name. */
  readonly list: ReadonlyArray<string> | null
  readonly ports: ReadonlyArray<number>
  /** By address, or by `[address]:port`, which wins. An address without an entry is silent. */
  readonly hosts: Readonly<Record<string, Fate>>
  /** The family, or the address, that the host has no route to. */
  readonly noRoute: ReadonlyArray<string>
  readonly options: Limits
  /** After how many steps a fiber gives way to others. */
  readonly stepsBeforeYield: number
}

export type Family = "IPv6" | "IPv4"

export interface Said {
  readonly type: "AAAA" | "A"
  readonly atMs: number
  /** Empty: there are none. `null`: the lookup failed. */
  readonly addresses: ReadonlyArray<string> | null
}

export interface Fate {
  readonly outcome: "accept" | "refuse" | "unreachable" | "reset" | "congested" | "drop"
  readonly afterMs: number
  readonly tls: { readonly outcome: "ok" | "fail" | "stall"; readonly afterMs: number }
  /** The probability that a SYN is lost. */
  readonly loss: number
}

export interface Limits {
  readonly resolutionDelay: number
  readonly connectionAttemptDelay: number
  readonly attemptTimeout: number | null
  readonly timeout: number | null
  readonly firstAddressFamilyCount: number
  readonly portOrder: ConnectOptions.PortOrder
  readonly headStart: number | null
  readonly maxAttemptsInFlight: number | null
  readonly maxCandidates: number
  readonly family: Family | null
  readonly tls: boolean
}

/** What came of a trial, in words that the library and the model share. */
export interface Outcome {
  readonly end: "Connected" | "NoAddresses" | "AllAttemptsFailed" | "TimedOut" | "WaitsForEver"
  readonly elapsedMs: number
  readonly winner: string | null
  readonly attempts: ReadonlyArray<{
    readonly endpoint: string
    readonly startedAtMs: number
    readonly endedAtMs: number
    readonly outcome: ConnectReport.AttemptReport["outcome"]
    readonly code: string | null
  }>
  /** Each answer that was heard, `"20 AAAA"`. */
  readonly resolution: ReadonlyArray<string>
}

export const familyOf = (address: string): Family => address.includes(":") ? "IPv6" : "IPv4"

export const endpointOf = (address: string, port: number): string =>
  familyOf(address) === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`

/** The trial's world, as the simulated network takes it. */
export const worldOf = ({ answers, hosts, noRoute, options }: Trial): World.World => ({
  names: {
    "dual.example": answers.map(({ addresses, atMs, type }) =>
      addresses === null ? { type, afterMs: atMs, reason: "ServerFailure" } : { type, afterMs: atMs, addresses }
    )
  },
  network: Object.fromEntries(
    Object.entries(hosts).map(([key, { tls, ...fate }]) => [key, options.tls ? { ...fate, tls } : fate])
  ),
  sources: Object.fromEntries(noRoute.map((of) => [of, null])),
  synRetransmitsMs: [20, 60, 200]
})

export const targetOf = ({ list, ports }: Trial): Target.TargetInput =>
  list === null ? { host: "dual.example", ports } : { addresses: list, ports }

export const optionsOf = ({ options }: Trial): ConnectOptions.ConnectOptions => ({
  ...options,
  attemptTimeout: options.attemptTimeout ?? Infinity,
  timeout: options.timeout ?? Infinity,
  headStart: options.headStart ?? undefined,
  maxAttemptsInFlight: options.maxAttemptsInFlight ?? undefined,
  family: options.family ?? undefined
})

// The last of each family cannot be connected to: a link-local address without
// a zone, and the unspecified one.
const addresses6 = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "fe80::1"] as const
const addresses4 = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "0.0.0.0"] as const

export const isUsable = (address: string): boolean => address !== "fe80::1" && address !== "0.0.0.0"

const usable = [...addresses6, ...addresses4].filter(isUsable)

const ports = [443, 80, 8080] as const

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

// Round times make events coincide; the others make them not.
const time = Schema.Union([Schema.Literals([0, 10, 50, 100, 250, 300]), between(0, 700)])

/** One or the other, the first more often. */
const mostly = <A extends Schema.Constraint, B extends Schema.Constraint>(often: A, seldom: B, times: number) =>
  Schema.Union([...Array.from({ length: times }, () => often), seldom])

const limits = Schema.Struct({
  resolutionDelay: Schema.Union([Schema.Literals([50, 0, 40, 200]), between(0, 300)]),
  connectionAttemptDelay: Schema.Union([Schema.Literals([250, 100, 50, 10]), between(10, 400)]),
  attemptTimeout: mostly(Schema.Literals([5000, 1000, 250]), Schema.NullOr(between(1, 1500)), 2),
  timeout: mostly(Schema.Literal(10_000), Schema.NullOr(between(1, 2000)), 3),
  firstAddressFamilyCount: Schema.Literals([1, 2, 3]),
  portOrder: Schema.Literals(["portMajor", "addressMajor", "preferFirst"]),
  headStart: mostly(Schema.Null, between(0, 800), 1),
  maxAttemptsInFlight: mostly(Schema.Null, Schema.Literals([1, 2, 3]), 2),
  maxCandidates: mostly(Schema.Literal(64), Schema.Literals([1, 2, 3, 5]), 4),
  family: mostly(Schema.Null, Schema.Literals(["IPv4", "IPv6"]), 5),
  tls: mostly(Schema.Literal(false), Schema.Literal(true), 2)
})

/** What is said of one type: mostly one thing, sometimes nothing, sometimes something else later. */
const saidOf = <T extends Said["type"]>(type: T, addresses: ReadonlyArray<string>) => {
  const said = Schema.Struct({
    type: Schema.Literal(type),
    atMs: mostly(time, between(0, 3000), 7),
    addresses: mostly(
      Schema.NonEmptyArray(Schema.Literals(addresses)).check(Schema.isMaxLength(5)),
      Schema.NullOr(Schema.Tuple([])),
      5
    )
  })
  return mostly(Schema.Tuple([said]), Schema.Array(said).check(Schema.isMaxLength(3)), 3)
}

const fateOf = <O extends Fate["outcome"]>(outcomes: ReadonlyArray<O>, losses: ReadonlyArray<number>) =>
  Schema.Struct({
    outcome: Schema.Literals(outcomes),
    afterMs: time,
    tls: Schema.Struct({ outcome: Schema.Literals(["ok", "ok", "ok", "fail", "stall"]), afterMs: time }),
    loss: Schema.Literals(losses)
  })

const trialWith = (fate: Schema.Schema<Fate>): Arbitrary.Arbitrary<Trial> =>
  Arbitrary.map(
    Arbitrary.schema(Schema.Struct({
      aaaa: saidOf("AAAA", addresses6),
      a: saidOf("A", addresses4),
      aFirst: Schema.Boolean,
      list: mostly(Schema.Null, Schema.NonEmptyArray(Schema.Literals(usable)).check(Schema.isMaxLength(6)), 7),
      ports: mostly(
        Schema.Tuple([Schema.Literal(443)]),
        Schema.NonEmptyArray(Schema.Literals(ports)).check(Schema.isMaxLength(4)),
        1
      ),
      byAddress: Schema.Array(fate).check(Schema.isMaxLength(usable.length)),
      byPort: Schema.Array(Schema.Tuple([Schema.Literals(usable), Schema.Literals(ports), fate]))
        .check(Schema.isMaxLength(4)),
      noRoute: mostly(
        Schema.Tuple([]),
        Schema.Tuple([Schema.Literals(["IPv6", "IPv4", "2001:db8::1", "192.0.2.1"])]),
        5
      ),
      options: limits,
      stepsBeforeYield: mostly(Schema.Literal(2048), between(3, 12), 2)
    })),
    ({ a, aFirst, aaaa, byAddress, byPort, ...rest }): Trial => ({
      ...rest,
      answers: (aFirst ? [...a, ...aaaa] : [...aaaa, ...a]).toSorted((one, other) => one.atMs - other.atMs),
      hosts: {
        // The families in turn, so that few fates are shared out fairly.
        ...Object.fromEntries(
          byAddress.map((fate, n) => [(n % 2 === 0 ? addresses6 : addresses4)[n >> 1]!, fate])
        ),
        ...Object.fromEntries(byPort.map(([address, port, fate]) => [endpointOf(address, port), fate]))
      }
    })
  ).pipe(Arbitrary.map(withoutOpenQuestions))

// Two kinds of worlds wait for an answer elsewhere: addresses without a route
// among others, and answers that take back an address which was tried.
const withoutOpenQuestions = (trial: Trial): Trial => {
  const said = { AAAA: new Set<string>(), A: new Set<string>() }
  return {
    ...trial,
    noRoute: [],
    answers: trial.answers.map((answer) => {
      for (const address of answer.addresses ?? []) said[answer.type].add(address)
      return said[answer.type].size === 0 ? answer : { ...answer, addresses: [...said[answer.type]] }
    })
  }
}

/** Any connect in which chance has no part. */
export const trial: Arbitrary.Arbitrary<Trial> = trialWith(
  fateOf(["accept", "refuse", "drop", "accept", "unreachable", "accept", "reset"], [0])
)

/** Any connect, of limited time: packets are lost, and descriptors run short. */
export const wildTrial: Arbitrary.Arbitrary<Trial> = Arbitrary.map(
  trialWith(fateOf(["accept", "refuse", "drop", "accept", "reset", "accept", "congested"], [0, 0.3, 0.7, 1])),
  (trial) => ({ ...trial, options: { ...trial.options, timeout: trial.options.timeout ?? 10_000 } })
)
