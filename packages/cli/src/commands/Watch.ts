/**
 * `watch HOST PORT…`: connects again and again, and counts which addresses win.
 *
 * @since 0.1.0
 */
import type { ConnectError } from "@happy-eyeballs/core/ConnectError"
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import type * as Target from "@happy-eyeballs/core/Target"
import type { ConnectResult } from "@happy-eyeballs/core/testing/ConnectResult"
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as CliTarget from "../CliTarget.ts"
import * as ConnectFlags from "../ConnectFlags.ts"
import * as Ending from "../Ending.ts"
import * as WatchPage from "../html/WatchPage.ts"
import * as Live from "../Live.ts"
import * as OpenSockets from "../OpenSockets.ts"
import * as OptionTexts from "../OptionTexts.ts"
import { Output } from "../Output.ts"
import * as ReportFile from "../ReportFile.ts"
import * as ReportText from "../ReportText.ts"
import * as Upstreams from "../Upstreams.ts"
import * as Usage from "../Usage.ts"
import * as Watch from "../Watch.ts"
import type * as WatchRound from "../WatchRound.ts"
import * as WatchText from "../WatchText.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("watch", {
  host: CliTarget.host,
  ports: CliTarget.ports,
  every: ConnectFlags.every,
  count: ConnectFlags.rounds("count", "stop after so many connects (none: until ctrl-C, or q on a terminal)"),
  dns: Upstreams.flag("resolve through this server (repeatable, in order of preference)"),
  json: ConnectFlags.json,
  report: ReportFile.flag,
  config: OptionTexts.flag,
  options: ConnectFlags.flags
}, (input) => run(input)).pipe(
  Command.withDescription("Connect again and again, and count which addresses win, lose and fail"),
  Command.withShortDescription("connect again and again, and count"),
  Command.withExamples([
    { command: "happy-eyeballs watch example.com 443" },
    { command: "happy-eyeballs watch example.com 443 --every 10s --json" }
  ])
)

interface Input {
  readonly host: string
  readonly ports: ReadonlyArray<string>
  readonly every: Duration.Duration | undefined
  readonly count: number | undefined
  readonly dns: ReadonlyArray<string>
  readonly json: boolean
  readonly report: string | undefined
  readonly config: string | undefined
  readonly options: ConnectOptions.ConnectOptions
}

const run = Effect.fnUntraced(
  function*(input: Input): Effect.fn.Return<
    void,
    Ending.Ending,
    Output | HappyEyeballs | Resolver | FileSystem.FileSystem | Scope.Scope
  > {
    const { config, count = Infinity, dns, every = Duration.seconds(1), host, json, options: given, ports, report } =
      input
    const output = yield* Output
    const refuse = (tag: Usage.Fault["tag"], message: string) => Usage.refuse({ tag, message, host }, json)
    const misuse = ({ message }: { readonly message: string }) => refuse("InvalidOptions", message)
    const target = CliTarget.fromArguments(host, ports)
    if (Result.isFailure(target)) return yield* refuse("InvalidTarget", target.failure)
    const { happyEyeballs, servers } = yield* Effect.catch(Upstreams.open(dns), misuse)
    const options = yield* Effect.catch(OptionTexts.load(config, given), misuse)
    yield* Effect.catch(ReportFile.touch(report), misuse)
    const watch = new Watch.Watch()
    const kept: Array<WatchRound.Round> = []
    const hear = Effect.fnUntraced(function*(round: WatchRound.Round) {
      kept.push(round)
      if (kept.length > WatchPage.maximumRounds) kept.shift()
      if (json) yield* output.result(JSON.stringify(round))
      else if (output.screen === undefined) yield* output.result(WatchText.line(round, output.style))
    })
    const rounds = connectAgain(watch, hear, {
      connect: connect(happyEyeballs, target.success, ConnectFlags.ofOneConnect(options)),
      every: Duration.toMillis(every),
      count
    })
    const stopped = yield* Deferred.make<void>()
    const work = json ? rounds : Live.during(
      Effect.raceFirst(rounds, Deferred.await(stopped)),
      (style) => {
        const last = kept.at(-1)
        return last === undefined
          ? [`connecting to ${ReportText.visible(host)} for the first time; q stops`]
          : [...WatchText.lines(last, style), "", "q stops"]
      },
      (key) => key === "q" ? Effect.asVoid(Deferred.succeed(stopped, undefined)) : Effect.void
    )
    // Uninterruptible from the end of the work on: what was counted is shown once.
    yield* Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore): Effect.fn.Return<
      void,
      Ending.Ending,
      Output | FileSystem.FileSystem
    > {
      const exit = yield* Effect.exit(restore(work))
      const error = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
      if (error !== undefined) {
        return yield* refuse(error.reason._tag === "InvalidTarget" ? "InvalidTarget" : "InvalidOptions", error.message)
      }
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) {
        return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      }
      const last = kept.at(-1)
      if (last !== undefined) {
        if (!json) {
          const between = output.screen === undefined ? [""] : []
          yield* Effect.forEach([...between, ...WatchText.lines(last, output.style)], output.result)
        }
        yield* ReportFile.write(report, () => WatchPage.content(kept, options, servers))
      }
      if (Exit.isFailure(exit)) return yield* Effect.interrupt
      return watch.ok ? undefined : yield* Ending.unsuccessful
    }))
  },
  Effect.scoped
)

interface Rhythm {
  readonly connect: Effect.Effect<ConnectResult, ConnectError>
  readonly every: number
  readonly count: number
}

// A connect that takes longer than the rhythm puts the next one off; none are
// made up for.
const connectAgain = Effect.fnUntraced(function*(
  watch: Watch.Watch,
  hear: (round: WatchRound.Round) => Effect.Effect<void>,
  { connect, count, every }: Rhythm
): Effect.fn.Return<void, ConnectError> {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1000n) / 1000
  const startedAt = now()
  for (let round = 0; round < count; round++) {
    const atMs = Math.round((now() - startedAt) * 1000) / 1000
    yield* hear(watch.add(atMs, yield* connect))
    if (round + 1 < count) yield* Effect.sleep(Math.max(0, atMs + every - (now() - startedAt)))
  }
})

/** Connects once; only what can never be connected to is a failure. */
const connect = (
  happyEyeballs: HappyEyeballs["Service"],
  target: Target.TargetInput,
  options: ConnectOptions.ConnectOptions
): Effect.Effect<ConnectResult, ConnectError> =>
  Effect.scoped(Effect.gen(function*() {
    const before = yield* OpenSockets.snapshot
    const connected = yield* Effect.result(happyEyeballs.connect(target, options))
    const { report } = Result.isSuccess(connected) ? connected.success : connected.failure
    if (Result.isFailure(connected)) {
      const { _tag } = connected.failure.reason
      if (_tag === "InvalidTarget" || _tag === "InvalidOptions") return yield* connected.failure
    }
    return { ...report, leaked: yield* OpenSockets.countLeaked(before, report) }
  }))
