/**
 * `connect HOST PORT…`: connects once, and shows how it came about.
 *
 * @since 0.1.0
 */
import type { ConnectError, InvalidOptions } from "@happy-eyeballs/core/ConnectError"
import type { ConnectEvent } from "@happy-eyeballs/core/ConnectEvent"
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import { type HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import type * as Target from "@happy-eyeballs/core/Target"
import type { ConnectResult } from "@happy-eyeballs/core/testing/ConnectResult"
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as CliDuration from "../CliDuration.ts"
import * as CliTarget from "../CliTarget.ts"
import * as ConnectFlags from "../ConnectFlags.ts"
import * as Ending from "../Ending.ts"
import * as ConnectPage from "../html/ConnectPage.ts"
import type * as HtmlPage from "../html/HtmlPage.ts"
import * as Live from "../Live.ts"
import * as OpenSockets from "../OpenSockets.ts"
import * as OptionTexts from "../OptionTexts.ts"
import { Output } from "../Output.ts"
import * as Phases from "../Phases.ts"
import * as ReportFile from "../ReportFile.ts"
import * as ReportRows from "../ReportRows.ts"
import * as ReportText from "../ReportText.ts"
import * as Upstreams from "../Upstreams.ts"
import * as Usage from "../Usage.ts"
import * as Waterfall from "../Waterfall.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("connect", {
  host: CliTarget.host,
  ports: CliTarget.ports,
  dns: Upstreams.flag("resolve through this server, as in tls://192.0.2.53 (repeatable, in order of preference)"),
  json: ConnectFlags.json,
  report: ReportFile.flag,
  config: OptionTexts.flag,
  options: ConnectFlags.flags
}, (input) => run(input)).pipe(
  Command.withDescription("Connect to the address that answers first, and show how it was found"),
  Command.withShortDescription("connect once and show the race"),
  Command.withExamples([
    { command: "happy-eyeballs connect example.com 443 80" },
    { command: "happy-eyeballs connect example.com:https - --tls --json" },
    { command: "happy-eyeballs connect 2001:db8::1,192.0.2.1 5432 --timeout 2s" }
  ])
)

interface Input {
  readonly host: string
  readonly ports: ReadonlyArray<string>
  readonly dns: ReadonlyArray<string>
  readonly json: boolean
  readonly report: string | undefined
  readonly config: string | undefined
  readonly options: ConnectOptions.ConnectOptions
}

const run = Effect.fnUntraced(
  function*({ config, dns, host, json, options: given, ports, report }: Input): Effect.fn.Return<
    void,
    Ending.Ending,
    Output | HappyEyeballs | Resolver | FileSystem.FileSystem | Scope.Scope
  > {
    const target = CliTarget.fromArguments(host, ports)
    if (Result.isFailure(target)) {
      return yield* Usage.refuse({ tag: "InvalidTarget", message: target.failure, host }, json)
    }
    const misuse = ({ message }: { readonly message: string }) =>
      Usage.refuse({ tag: "InvalidOptions", message, host }, json)
    const { happyEyeballs, servers } = yield* Effect.catch(Upstreams.open(dns), misuse)
    const options = yield* Effect.catch(OptionTexts.load(config, given), misuse)
    yield* Effect.catch(ReportFile.touch(report), misuse)
    const output = yield* Output
    yield* connectAndShow(
      happyEyeballs,
      target.success,
      { json, options },
      Effect.fnUntraced(function*(shown, events, error) {
        // What is no target has no host of its own: it is shown as it was given.
        const result = shown.error?.tag === "InvalidTarget" ? { ...shown, target: { host, ports: [] } } : shown
        const handshakes = ReportRows.handshakes(events)
        yield* json ? output.result(JSON.stringify(result)) : showForPeople(output, result, handshakes, error)
        yield* ReportFile.write(report, () => page(result, handshakes, options, servers))
      })
    )
  },
  Effect.scoped
)

const page = (
  result: ConnectResult,
  handshakes: ReportRows.Handshakes,
  options: ConnectOptions.ConnectOptions,
  servers: ReadonlyArray<string>
): HtmlPage.Content => ({
  title: ReportText.target(result.target),
  summary: ReportText.summary(result),
  sections: [
    ...ConnectPage.sections(result, handshakes),
    ...ConnectPage.optionsTable(options, servers.map((server) => ["--dns", server]))
  ],
  json: [JSON.stringify(result)]
})

/**
 * Connects once and shows the result, of an interrupted connect too, and
 * meanwhile how far it has come.
 */
const connectAndShow = Effect.fnUntraced(function*(
  happyEyeballs: HappyEyeballs["Service"],
  target: Target.TargetInput,
  { json, options }: Pick<Input, "json" | "options">,
  show: (
    result: ConnectResult,
    events: ReadonlyArray<ConnectEvent>,
    error: ConnectError | undefined
  ) => Effect.Effect<void, Ending.Ending, Output | FileSystem.FileSystem>
): Effect.fn.Return<void, Ending.Ending, Output | FileSystem.FileSystem | Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1000n) / 1000
  const events: Array<ConnectEvent> = []
  let startedAt = now()
  yield* happyEyeballs.observe((event) => {
    if (event._tag === "Started") startedAt = now() - event.atMs
    events.push(event)
  })
  const before = yield* OpenSockets.snapshot
  const connecting = happyEyeballs.connect(target, ConnectFlags.ofOneConnect(options))
  const watched = json
    ? connecting
    : Live.during(connecting, (style) => Waterfall.chartUntil(now() - startedAt, events, style))
  // Uninterruptible from the end of the connect on: whatever its outcome was, it
  // is shown once.
  yield* Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore): Effect.fn.Return<
    void,
    Ending.Ending,
    Output | FileSystem.FileSystem | Scope.Scope
  > {
    const exit = yield* Effect.exit(restore(watched))
    const leftOver = OpenSockets.countLeaked
    if (Exit.isSuccess(exit)) {
      const { report } = exit.value
      return yield* show({ ...report, leaked: yield* leftOver(before, report) }, events, undefined)
    }
    const error = exit.cause.reasons.find(Cause.isFailReason)?.error
    if (error === undefined && Cause.hasDies(exit.cause)) {
      return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
    }
    const report = error?.report ?? interruptedReport(events)
    yield* show({ ...report, leaked: yield* leftOver(before, report) }, events, error)
    if (error === undefined) return yield* Effect.interrupt
    return yield* isMisuse(error) ? Ending.misused : Ending.unsuccessful
  }))
})

// An interruption can come before there is a connect that it would end.
const interruptedReport = (events: ReadonlyArray<ConnectEvent>): ConnectReport.ConnectReport => {
  const report = ConnectReport.fromEvents(events)
  return events.at(-1)?._tag === "Ended"
    ? report
    : { ...report, error: { tag: "Interrupted", message: "interrupted before connecting began" } }
}

const isMisuse = ({ reason }: ConnectError): boolean =>
  reason._tag === "InvalidTarget" || reason._tag === "InvalidOptions"

const showForPeople = Effect.fnUntraced(function*(
  output: Output["Service"],
  result: ConnectResult,
  handshakes: ReportRows.Handshakes,
  error: ConnectError | undefined
): Effect.fn.Return<void> {
  const { style } = output
  const chart = Waterfall.chart(result, style, handshakes)
  const phases = Phases.fromReport(result, handshakes)
  if (phases !== undefined) {
    const lines = [...chart, "", ...Phases.lines(phases, style), "", Waterfall.summary(result, style)]
    yield* Effect.forEach(lines, output.result)
  } else {
    // The chart is a result and goes where results go; why it failed goes to
    // standard error, in short where the chart has the rest.
    yield* Effect.forEach(chart.length === 0 ? chart : [...chart, ""], output.result)
    const message = error?.reason._tag === "InvalidOptions" ? inFlags(error.reason) : ReportText.summary(result)
    yield* output.message(`happy-eyeballs: ${message}`)
  }
  if (result.leaked > 0) {
    yield* output.message(`happy-eyeballs: ${result.leaked} sockets were left open: please report this`)
  }
})

// The library's names of options, as this command has them.
const inFlags = ({ message, option }: InvalidOptions): string => {
  const named = message.replace(new RegExp(`^${option}\\b`), ConnectFlags.flagOf(option))
  const flagged = named.replaceAll(
    /\b[a-z]+[A-Z][A-Za-z]*\b/g,
    (word) => word in ConnectFlags.flags ? ConnectFlags.flagOf(word) : word
  )
  return CliDuration.rewrite(flagged)
}
