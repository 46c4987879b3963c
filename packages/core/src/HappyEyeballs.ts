/**
 * The racer as a service: a target in, the fastest connection out.
 *
 * It resolves through `Resolver`, opens through `Dialer`, and does neither
 * itself; `Connect` is where the story is told. A service keeps what connects
 * share: the options of its layer, the limit on open attempts, and the lookups
 * that finish after a win.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { AddressPolicy } from "./AddressPolicy.ts"
import * as Connect from "./Connect.ts"
import { ConnectError, type ConnectErrorReason, formatFailure, InvalidOptions } from "./ConnectError.ts"
import type { ConnectEvent } from "./ConnectEvent.ts"
import * as ConnectOptions from "./ConnectOptions.ts"
import type { ConnectReport } from "./ConnectReport.ts"
import { type Dialed, Dialer } from "./Dialer.ts"
import type * as Endpoint from "./Endpoint.ts"
import { Journal } from "./internal/journal.ts"
import { Permits } from "./internal/permits.ts"
import { reasonFrom } from "./internal/reason.ts"
import { Resolver } from "./Resolver.ts"
import { SourceAddress } from "./SourceAddress.ts"
import * as Target from "./Target.ts"

/**
 * An open connection, and how it came about.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection extends Dialed {
  readonly report: ConnectReport
}

/**
 * What won a race, and how it came about.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reported<A> {
  readonly value: A
  readonly report: ConnectReport
}

/**
 * The clock of lookups that outlive their connect.
 *
 * **Details**
 *
 * A platform provides one whose timers do not keep a process alive. Without it
 * they run on the caller's clock.
 *
 * @category references
 * @since 0.1.0
 */
export const BackgroundClock: Context.Reference<Clock.Clock | undefined> = Context.Reference(
  "@happy-eyeballs/core/HappyEyeballs/BackgroundClock",
  { defaultValue: (): Clock.Clock | undefined => undefined }
)

/**
 * Service that connects to targets.
 *
 * **Example** (Connecting to a name)
 *
 * ```ts
 * import { HappyEyeballs } from "@happy-eyeballs/core"
 * import { SimulatedNetwork } from "@happy-eyeballs/core/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const happyEyeballs = yield* HappyEyeballs.HappyEyeballs
 *   const connection = yield* happyEyeballs.connect("dual.example:443")
 *   return connection.report.winner?.address
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class HappyEyeballs extends Context.Service<HappyEyeballs, {
  /**
   * Connects to a target. The connection belongs to the caller's scope and
   * closes with it; every other attempt is closed before this returns.
   */
  readonly connect: (
    target: Target.TargetInput,
    options?: ConnectOptions.ConnectOptions
  ) => Effect.Effect<Connection, ConnectError, Scope.Scope>
  /**
   * Races a dial of the caller's own over the endpoints of a target. What the
   * dial opens in its scope is kept for the winner and closed for the others.
   */
  readonly connectWith: <A, E, R>(
    target: Target.TargetInput,
    dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<A, E, R>,
    options?: ConnectOptions.ConnectOptions
  ) => Effect.Effect<A, ConnectError, Exclude<R, Scope.Scope> | Scope.Scope>
  /**
   * Does as `connectWith`, and tells how it came about.
   */
  readonly connectWithReport: <A, E, R>(
    target: Target.TargetInput,
    dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<A, E, R>,
    options?: ConnectOptions.ConnectOptions
  ) => Effect.Effect<Reported<A>, ConnectError, Exclude<R, Scope.Scope> | Scope.Scope>
  /**
   * The steps of every connect from now on. A reader that falls behind by more
   * than 4096 events loses the newest until it catches up.
   */
  readonly events: Stream.Stream<ConnectEvent>
  /**
   * Calls a function with each event, in the fiber and at the moment in which
   * it happens, until the scope closes.
   *
   * **Gotchas**
   *
   * It runs inside the connect: a slow one slows it down. What it throws is
   * logged and goes no further.
   */
  readonly observe: (observer: (event: ConnectEvent) => void) => Effect.Effect<void, never, Scope.Scope>
}>()("@happy-eyeballs/core/HappyEyeballs") {
  /**
   * Layer with the defaults.
   *
   * **Details**
   *
   * It is built anew wherever it is provided: shared by reference, as other
   * layers are, a second one over another resolver would silently be the first.
   *
   * @since 0.1.0
   */
  static readonly layer: Layer.Layer<HappyEyeballs, never, Resolver | Dialer> = Layer.fresh(Layer.effect(
    HappyEyeballs,
    Effect.suspend(() => build(ConnectOptions.defaults, ConnectOptions.none))
  ))

  /**
   * Layer with options; it fails where one of them is not allowed.
   *
   * @since 0.1.0
   */
  static readonly layerOptions = (
    options: ConnectOptions.ConnectOptions
  ): Layer.Layer<HappyEyeballs, InvalidOptions, Resolver | Dialer> => Layer.effect(HappyEyeballs, make(options))

  /**
   * Layer with options from configuration, such as `ConnectOptions.config`.
   *
   * @since 0.1.0
   */
  static readonly layerConfig = (
    options: Config.Wrap<ConnectOptions.ConnectOptions>
  ): Layer.Layer<HappyEyeballs, Config.ConfigError | InvalidOptions, Resolver | Dialer> =>
    Layer.unwrap(Effect.map(Config.unwrap(options), HappyEyeballs.layerOptions))

  /**
   * Layer that hands each event to a function, in order: a log line, a metric.
   *
   * **Gotchas**
   *
   * The function runs apart from the connects and cannot slow them down; it
   * must not fail.
   *
   * @since 0.1.0
   */
  static readonly layerEvents = <R>(
    handle: (event: ConnectEvent) => Effect.Effect<void, never, R>
  ): Layer.Layer<never, never, HappyEyeballs | R> =>
    Layer.effectDiscard(Effect.gen(function*() {
      const { events } = yield* HappyEyeballs
      yield* Effect.forkScoped(Stream.runForEach(events, handle), { startImmediately: true })
    }))
}

/**
 * Makes the service, as `HappyEyeballs.layerOptions` does; it ends with the
 * scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: ConnectOptions.ConnectOptions = ConnectOptions.none
): Effect.Effect<HappyEyeballs["Service"], InvalidOptions, Resolver | Dialer | Scope.Scope> =>
  Effect.flatMap(Effect.fromResult(ConnectOptions.toSettings(options)), (settings) => build(settings, options))

const build = (
  layerSettings: ConnectOptions.Settings,
  layerOptions: ConnectOptions.ConnectOptions
): Effect.Effect<HappyEyeballs["Service"], never, Resolver | Dialer | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Resolver | Dialer | Scope.Scope>) =>
    Effect.map(FiberSet.make(), (fibers) => fromContext(context, fibers, layerSettings, layerOptions))
  )

const fromContext = (
  context: Context.Context<Resolver | Dialer | Scope.Scope>,
  fibers: FiberSet.FiberSet,
  layerSettings: ConnectOptions.Settings,
  layerOptions: ConnectOptions.ConnectOptions
): HappyEyeballs["Service"] => {
  const dialer = Context.get(context, Dialer)
  const lookup: Target.Lookup = {
    serviceNames: Context.get(context, Target.ServiceNames),
    scopeIds: Context.get(context, Target.ScopeIds)
  }
  const environment: Connect.Environment = {
    resolver: Context.get(context, Resolver),
    fibers,
    sources: Context.get(context, SourceAddress),
    policy: Option.getOrUndefined(Context.getOption(context, AddressPolicy)),
    openAttempts: new Permits(layerSettings.maxOpenAttempts),
    backgroundClock: Context.get(context, BackgroundClock)
  }
  const observers = new Set<(event: ConnectEvent) => void>()
  const publish = (event: ConnectEvent) => {
    for (const observer of observers) {
      try {
        observer(event)
      } catch (defect) {
        Effect.runForkWith(context)(Effect.logError("an observer of connects failed", Cause.die(defect)))
      }
    }
  }
  // Made for the first reader: its ring costs more than a connect.
  let hub: PubSub.PubSub<ConnectEvent> | undefined
  const hubForReaders = Effect.suspend(() => {
    if (hub !== undefined) return Effect.succeed(hub)
    return Effect.tap(PubSub.dropping<ConnectEvent>(4096), (made) => {
      hub = made
      observers.add((event) => PubSub.publishUnsafe(made, event))
      return Scope.addFinalizer(Context.get(context, Scope.Scope), PubSub.shutdown(made))
    })
  })
  let connects = 0

  const settingsFor = (
    ambient: ConnectOptions.ConnectOptions,
    call: ConnectOptions.ConnectOptions | undefined
  ): Result.Result<ConnectOptions.Settings, InvalidOptions> => {
    if (call === undefined && ambient === ConnectOptions.none) return Result.succeed(layerSettings)
    const merged = ConnectOptions.merge(layerOptions, ambient)
    return ConnectOptions.toSettings(call === undefined ? merged : ConnectOptions.merge(merged, call))
  }

  const race = <A, E, R>(
    input: Target.TargetInput,
    dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<A, E, R>,
    options: ConnectOptions.ConnectOptions | undefined
  ) =>
    // From the first event on: whoever hears of a start hears of the end.
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber<Raced<A>, ConnectError, Exclude<R, Scope.Scope> | Scope.Scope>((fiber) => {
        const journal = new Journal(connects++, fiber.getRef(Clock.Clock), publish)
        const parsed = Target.fromInput(input, lookup)
        const target = Result.isSuccess(parsed) ? parsed.success : unparsed(input)
        journal.say({ _tag: "Started", target })
        const fail = (reason: ConnectErrorReason): Effect.Effect<never, ConnectError> =>
          Effect.suspend(() => {
            const message = formatFailure(target.given, reason)
            const { report } = journal.end(target, null, { tag: reason._tag, message })
            return Effect.fail(new ConnectError({ target: target.given, reason, report }))
          })
        if (Result.isFailure(parsed)) return fail(parsed.failure)
        const settings = settingsFor(fiber.getRef(ConnectOptions.CurrentOptions), options)
        if (Result.isFailure(settings)) return fail(settings.failure)
        const mixed = checkMixed(target, settings.success)
        if (mixed !== undefined) return fail(mixed)

        // Everything of this connect lives below one scope of its own, so that
        // a connection that ends by itself leaves nothing in the caller's.
        const open = Scope.forkUnsafe(Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope))
        const connecting = Connect.connect(environment, journal, target, settings.success, dial)
        return restore(Scope.provide(connecting, open)).pipe(
          Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(open, exit)),
          Effect.matchCauseEffect({
            onSuccess: ({ attempt, value }) =>
              Effect.succeed({ value, open, ended: journal.end(target, attempt, null) }),
            onFailure: (cause) => {
              const failure = cause.reasons.find(Cause.isFailReason)
              if (failure !== undefined) {
                return fail(reasonFrom(journal.events, target, settings.success, failure.error === "timedOut"))
              }
              journal.end(
                target,
                null,
                Cause.hasDies(cause)
                  ? { tag: "Defect", message: Cause.pretty(cause) }
                  : { tag: "Interrupted", message: `connecting to ${target.given} was interrupted` }
              )
              return Effect.failCause(cause as Cause.Cause<never>)
            }
          })
        )
      })
    )

  return HappyEyeballs.of({
    connect: (target, options) =>
      Effect.map(race(target, dialer.dial, options), ({ ended, open, value }) => {
        value.onClose(() => {
          const closing = Scope.closeUnsafe(open, Exit.void)
          if (closing !== undefined) Effect.runFork(closing)
        })
        return {
          endpoint: value.endpoint,
          native: value.native,
          onClose: value.onClose,
          // Made when it is first asked for: most callers want the native one.
          get socket() {
            return value.socket
          },
          get report() {
            return ended.report
          }
        }
      }),
    connectWith: (target, dial, options) => Effect.map(race(target, dial, options), ({ value }) => value),
    connectWithReport: (target, dial, options) =>
      Effect.map(race(target, dial, options), ({ ended, value }) => ({
        value,
        get report() {
          return ended.report
        }
      })),
    events: Stream.unwrap(Effect.map(hubForReaders, Stream.fromPubSub)),
    observe: (observer) => {
      // A function of its own, so that one given twice is called twice.
      const own = (event: ConnectEvent) => observer(event)
      return Effect.acquireRelease(
        Effect.sync(() => {
          observers.add(own)
        }),
        () => Effect.sync(() => observers.delete(own))
      )
    }
  })
}

interface Raced<A> {
  readonly value: A
  readonly ended: { readonly report: ConnectReport }
  readonly open: Scope.Closeable
}

// A list that mixes TLS with clear text lets whoever drops packets to the TLS
// port choose clear text.
const checkMixed = (target: Target.Target, settings: ConnectOptions.Settings): InvalidOptions | undefined => {
  if (settings.allowInsecure) return undefined
  const secured = target.ports.filter((port) => port.tls ?? settings.tls)
  const plain = target.ports.filter((port) => !(port.tls ?? settings.tls) && !port.secure)
  return secured.length === 0 || plain.length === 0 ? undefined : new InvalidOptions({
    option: "allowInsecure",
    message: `port ${secured[0]!.number} speaks TLS and port ${plain[0]!.number} does not: whoever blocks the first ` +
      "would choose clear text. Give both TLS, mark a port that upgrades by itself with secure: true, or set allowInsecure"
  })
}

const unparsed = (input: Target.TargetInput): Target.Target => {
  const given = Target.formatInput(input)
  const [, bracketed, plain] = /^(?:\[(.*)\]|([^:]*)):[^:]*$/s.exec(given) ?? []
  return { given, host: bracketed ?? plain ?? given, at: { _tag: "Addresses", addresses: [] }, ports: [] }
}
