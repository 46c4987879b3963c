/**
 * How to connect: every delay, limit and order, with its default.
 *
 * An option is looked for in the call, then in `CurrentOptions`, then in the
 * layer, then here. Times are `Duration.Input`s; bare numbers are milliseconds.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { IpFamily } from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { InvalidOptions } from "./ConnectError.ts"
import type { TlsOptions } from "./Endpoint.ts"
import { millisFrom, show } from "./internal/given.ts"

/**
 * The order of candidates where a target has several ports.
 *
 * **Details**
 *
 * `portMajor`: every address on the first port, then every address on the
 * second. `addressMajor`: every port of the first address, then of the second.
 * `preferFirst`: as `portMajor`, but a later port is held back until the
 * earlier ones have all failed or their `headStart` has passed.
 *
 * @category models
 * @since 0.1.0
 */
export type PortOrder = "portMajor" | "addressMajor" | "preferFirst"

/**
 * The options of a connect.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectOptions {
  /**
   * How long the preferred family is waited for after the first usable answer.
   * Default 50 ms (RFC 8305, section 8). A negative answer ends the wait at
   * once; 0 never waits. `"adaptive"` is 50 ms until a history knows better.
   */
  readonly resolutionDelay?: Duration.Input | "adaptive" | undefined
  /**
   * The head start of an attempt over the next one. Default `"adaptive"`: 250 ms
   * (RFC 8305, section 8) until a history knows better. Below 10 ms is invalid
   * (RFC 8305, section 5).
   */
  readonly connectionAttemptDelay?: Duration.Input | "adaptive" | undefined
  /** How long one attempt may take, TLS included. Default 5 s; infinity allowed. */
  readonly attemptTimeout?: Duration.Input | undefined
  /**
   * How long the whole may take, resolving included. Default 10 s; infinity
   * allowed. Everything is interrupted then, and `connect` fails when it has
   * ended: a dial or a finalizer of the caller's own that refuses interruption
   * is waited for, because nothing is left behind.
   */
  readonly timeout?: Duration.Input | undefined
  /** How many addresses of the first family go first. Default 1 (RFC 8305, section 4). */
  readonly firstAddressFamilyCount?: number | undefined
  /** Default `"portMajor"`. */
  readonly portOrder?: PortOrder | undefined
  /**
   * With `preferFirst`, how long after the start of the last earlier candidate a
   * later port is held back. Default: one connection attempt delay.
   */
  readonly headStart?: Duration.Input | undefined
  /** How many attempts of one connect may run at once. Default: no limit. */
  readonly maxAttemptsInFlight?: number | undefined
  /** How many candidates one connect tries at most. Default 64. */
  readonly maxCandidates?: number | undefined
  /** How many attempts of one service may run at once. Default 512; an option of the layer only. */
  readonly maxOpenAttempts?: number | undefined
  /** Connect over this family only. Default: both. */
  readonly family?: IpFamily | undefined
  /** Speak TLS on every port that does not say otherwise. Default: no. */
  readonly tls?: TlsOptions | boolean | undefined
  /**
   * Allow a list that mixes TLS and plain ports. Default: no, because whoever can
   * drop packets to the TLS port would then choose clear text.
   */
  readonly allowInsecure?: boolean | undefined
}

/**
 * No options: everything as the layer has it.
 *
 * @category constants
 * @since 0.1.0
 */
export const none: ConnectOptions = {}

/**
 * Options for a part of a program, between those of the call and of the layer.
 *
 * @category references
 * @since 0.1.0
 */
export const CurrentOptions: Context.Reference<ConnectOptions> = Context.Reference(
  "@happy-eyeballs/core/ConnectOptions/CurrentOptions",
  { defaultValue: () => none }
)

/**
 * Runs an effect with options added to those around it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withOptions: {
  (options: ConnectOptions): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, options: ConnectOptions): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, options: ConnectOptions): Effect.Effect<A, E, R> =>
    Effect.updateService(effect, CurrentOptions, (current) => merge(current, options))
)

/**
 * Puts options over others: what the second leaves `undefined` stays.
 *
 * **Details**
 *
 * What is no object of options comes back as it is, and `toSettings` refuses it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (self: ConnectOptions, that: ConnectOptions): ConnectOptions => {
  if (!isOptions(self)) return self
  if (!isOptions(that)) return that
  const set = Object.entries(that).filter(([, value]) => value !== undefined)
  return { ...self, ...Object.fromEntries(set) }
}

const isOptions = (given: unknown): boolean => Predicate.isObject(given)

const optional = <A>(self: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(self), Option.getOrUndefined)

const duration = (name: string) => optional(Config.Duration(name))

const count = (name: string) => optional(Config.Int(name))

const durationOrAdaptive = (name: string) =>
  optional(Config.orElse(Config.Literal("adaptive", name), () => Config.Duration(name)))

/**
 * Reads options from the environment: `HAPPY_EYEBALLS_TIMEOUT`,
 * `HAPPY_EYEBALLS_CONNECTION_ATTEMPT_DELAY`, and so on.
 *
 * @category config
 * @since 0.1.0
 */
export const config: Config.Config<ConnectOptions> = Config.nested(
  Config.all({
    resolutionDelay: durationOrAdaptive("RESOLUTION_DELAY"),
    connectionAttemptDelay: durationOrAdaptive("CONNECTION_ATTEMPT_DELAY"),
    attemptTimeout: duration("ATTEMPT_TIMEOUT"),
    timeout: duration("TIMEOUT"),
    firstAddressFamilyCount: count("FIRST_ADDRESS_FAMILY_COUNT"),
    portOrder: optional(Config.Literals(["portMajor", "addressMajor", "preferFirst"], "PORT_ORDER")),
    headStart: duration("HEAD_START"),
    maxAttemptsInFlight: count("MAX_ATTEMPTS_IN_FLIGHT"),
    maxCandidates: count("MAX_CANDIDATES"),
    maxOpenAttempts: count("MAX_OPEN_ATTEMPTS"),
    family: optional(Config.Literals(["IPv4", "IPv6"], "FAMILY"))
  }),
  "HAPPY_EYEBALLS"
)

/**
 * Options checked and complete; times are milliseconds, and infinity is no
 * limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly resolutionDelay: number
  readonly connectionAttemptDelay: number
  readonly attemptTimeout: number
  readonly timeout: number
  readonly firstAddressFamilyCount: number
  readonly portOrder: PortOrder
  readonly headStart: number | undefined
  readonly maxAttemptsInFlight: number
  readonly maxCandidates: number
  readonly maxOpenAttempts: number
  readonly family: IpFamily | undefined
  readonly tls: TlsOptions | undefined
  readonly allowInsecure: boolean
}

/**
 * What holds where nothing else is said.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Settings = {
  resolutionDelay: 50,
  connectionAttemptDelay: 250,
  attemptTimeout: 5000,
  timeout: 10_000,
  firstAddressFamilyCount: 1,
  portOrder: "portMajor",
  headStart: undefined,
  maxAttemptsInFlight: Infinity,
  maxCandidates: 64,
  maxOpenAttempts: 512,
  family: undefined,
  tls: undefined,
  allowInsecure: false
}

// RFC 8305, section 5: an attempt must not start within 10 ms of the one before it.
const minimumAttemptDelay = 10

const orders: ReadonlyArray<PortOrder> = ["portMajor", "addressMajor", "preferFirst"]

/**
 * Checks options and completes them with the defaults.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toSettings = (options: ConnectOptions): Result.Result<Settings, InvalidOptions> => {
  let failure: InvalidOptions | undefined
  const refuse = (option: keyof ConnectOptions | "options", message: string) => {
    failure ??= new InvalidOptions({ option, message: `${option}: ${message}` })
  }
  if (!isOptions(options)) {
    refuse("options", `give an object, such as { timeout: "5 seconds" } (got ${show(options)})`)
    return Result.fail(failure!)
  }
  const millis = (
    option: "resolutionDelay" | "connectionAttemptDelay" | "attemptTimeout" | "timeout",
    least: number
  ) => {
    const input = options[option]
    if (input === undefined || input === "adaptive") return defaults[option]
    const ms = millisFrom(input)
    if (!(ms >= least)) {
      refuse(option, `give a duration of at least ${least} ms, such as "250 millis" (got ${show(input)})`)
    }
    return ms
  }
  const count = (
    option: "firstAddressFamilyCount" | "maxAttemptsInFlight" | "maxCandidates" | "maxOpenAttempts"
  ) => {
    const value = options[option]
    if (value === undefined) return defaults[option]
    if (!Number.isInteger(value) && value !== Infinity || value < 1) {
      refuse(option, `give a whole number from 1 up (got ${show(value)})`)
    }
    return value
  }
  const oneOf = <A>(option: keyof ConnectOptions, value: A | undefined, allowed: ReadonlyArray<A>): void => {
    if (value !== undefined && !allowed.includes(value)) {
      refuse(option, `give one of ${allowed.join(", ")} (got ${show(value)})`)
    }
  }
  oneOf("portOrder", options.portOrder, orders)
  oneOf("family", options.family, ["IPv4", "IPv6"])
  oneOf("allowInsecure", options.allowInsecure, [true, false])
  if (options.tls !== undefined && typeof options.tls !== "boolean" && !Predicate.isObject(options.tls)) {
    refuse("tls", `give true, false, or an object of TLS options (got ${show(options.tls)})`)
  }
  const headStart = options.headStart === undefined ? undefined : millisFrom(options.headStart)
  if (headStart !== undefined && !(headStart >= 0)) {
    refuse("headStart", `give a duration of at least 0 ms (got ${show(options.headStart)})`)
  }
  const settings: Settings = {
    resolutionDelay: millis("resolutionDelay", 0),
    connectionAttemptDelay: millis("connectionAttemptDelay", minimumAttemptDelay),
    attemptTimeout: millis("attemptTimeout", 1),
    timeout: millis("timeout", 1),
    firstAddressFamilyCount: count("firstAddressFamilyCount"),
    portOrder: options.portOrder ?? defaults.portOrder,
    headStart,
    maxAttemptsInFlight: count("maxAttemptsInFlight"),
    maxCandidates: count("maxCandidates"),
    maxOpenAttempts: count("maxOpenAttempts"),
    family: options.family,
    tls: options.tls === true ? plainTls : options.tls === false ? undefined : options.tls,
    allowInsecure: options.allowInsecure ?? false
  }
  return failure === undefined ? Result.succeed(settings) : Result.fail(failure)
}

// One value for every connect, because a dialer keeps a TLS context for each.
const plainTls: TlsOptions = {}
