/**
 * `simulate FILE…`: plays scenarios in virtual time.
 *
 * @since 0.1.0
 */
import * as Scenario from "@happy-eyeballs/core/testing/Scenario"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Stdio from "effect/Stdio"
import * as ConnectFlags from "../ConnectFlags.ts"
import * as Ending from "../Ending.ts"
import * as SimulatePage from "../html/SimulatePage.ts"
import { Output } from "../Output.ts"
import * as ReportFile from "../ReportFile.ts"
import * as ReportText from "../ReportText.ts"
import * as ScenarioFiles from "../ScenarioFiles.ts"
import { paint, type Style } from "../Style.ts"
import * as Usage from "../Usage.ts"
import * as Waterfall from "../Waterfall.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("simulate", {
  files: Argument.String("FILE").pipe(
    Argument.withDescription("one scenario, an array of them (JSON), or one a line (NDJSON); - is standard input"),
    Argument.variadic({ min: 1 })
  ),
  json: ConnectFlags.json,
  report: ReportFile.flag,
  seed: Flag.String("seed").pipe(
    Flag.withMetavar("SEED"),
    Flag.withDescription("for losses and shuffles: the same seed gives the same output (0)"),
    Flag.withDefault("0")
  ),
  stats: Flag.Boolean("stats").pipe(
    Flag.withDescription("say on standard error how many scenarios ran in a second"),
    Flag.withoutNegation,
    Flag.withDefault(false)
  )
}, (input) => run(input)).pipe(
  Command.withDescription("Play scenarios in virtual time: each is a connect and the network it happens in"),
  Command.withShortDescription("play scenarios in virtual time"),
  Command.withExamples([
    { command: "happy-eyeballs simulate blackhole.json" },
    { command: "happy-eyeballs simulate --json --seed 7 - < scenarios.ndjson" }
  ])
)

/**
 * What `simulate` is given.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input {
  readonly files: ReadonlyArray<string>
  readonly json: boolean
  readonly report: string | undefined
  readonly seed: string
  readonly stats: boolean
}

/**
 * Plays the scenarios of files, and shows and counts what came of them.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  { files, json, report, seed, stats }: Input,
  runScenario: typeof Scenario.run = Scenario.run
): Effect.fn.Return<void, Ending.Ending, Output | FileSystem.FileSystem | Stdio.Stdio> {
  const output = yield* Output
  const scenarios = yield* ScenarioFiles.read(files).pipe(
    Effect.catchTag("InvalidFiles", (error) => refuse(error, json))
  )
  yield* Effect.catch(ReportFile.touch(report), ({ message }) => Usage.refuse({ tag: "InvalidOptions", message }, json))
  const played: Array<SimulatePage.Played> = []
  const keep = report === undefined ? () => {} : (one: SimulatePage.Played) => void played.push(one)
  const show = json
    ? (_: Scenario.Scenario, results: Played) => JSON.stringify(results)
    : (scenario: Scenario.Scenario, results: Played) => draw(scenario, results, output.style)
  const numberOrText = /^\d+$/.test(seed) ? Number(seed) : seed
  const runOne = (scenario: Scenario.Scenario) => {
    const results = runScenario(scenario, { seed: numberOrText })
    keep({ scenario, results })
    return results
  }
  const { leaked, nanos } = yield* play(scenarios, runOne, show)
  yield* ReportFile.write(report, () => SimulatePage.content(played, seed))
  if (stats) yield* output.message(`happy-eyeballs: ${describeSpeed(scenarios.length, Number(nanos) / 1e9)}`)
  if (leaked > 0) {
    yield* output.message(`happy-eyeballs: ${leaked} sockets were left open: please report this`)
    return yield* Ending.unsuccessful
  }
})

type Played = SimulatePage.Played["results"]

// Enough for a write to cost little, and not so much that an interruption waits.
const scenariosPerWrite = 64

const play = Effect.fnUntraced(function*(
  scenarios: ReadonlyArray<Scenario.Scenario>,
  runOne: (scenario: Scenario.Scenario) => Played,
  show: (scenario: Scenario.Scenario, results: Played) => string
): Effect.fn.Return<{ readonly leaked: number; readonly nanos: bigint }, never, Output> {
  const output = yield* Output
  const clock = yield* Clock.Clock
  let nanos = 0n
  let leaked = 0
  for (let start = 0; start < scenarios.length; start += scenariosPerWrite) {
    const lines: Array<string> = []
    for (const scenario of scenarios.slice(start, start + scenariosPerWrite)) {
      const startedAt = clock.monotonicTimeNanosUnsafe()
      const results = runOne(scenario)
      nanos += clock.monotonicTimeNanosUnsafe() - startedAt
      for (const result of SimulatePage.listOf(results)) leaked += result.leaked
      lines.push(show(scenario, results))
    }
    yield* output.result(lines.join("\n"))
    yield* Effect.yieldNow
  }
  return { leaked, nanos }
})

const draw = (scenario: Scenario.Scenario, results: Played, style: Style): string => {
  const name = paint(style, "bold", ReportText.visible(scenario.name))
  const source = scenario.source === undefined
    ? ""
    : paint(style, "dim", ` (${ReportText.visible(scenario.source)})`)
  const list = SimulatePage.listOf(results)
  const lines = [name + source]
  for (const [index, result] of list.entries()) {
    if (list.length > 1) lines.push(paint(style, "dim", `connect ${index + 1} of ${list.length}`))
    lines.push(...Waterfall.lines(result, style), "")
  }
  return lines.join("\n")
}

const describeSpeed = (count: number, seconds: number): string =>
  `${count} scenarios ran in ${ReportText.formatMs(seconds * 1000)}, without reading and printing: ` +
  `${seconds === 0 ? 0 : Math.round(count / seconds)} a second`

const refuse = Effect.fnUntraced(function*(
  error: ScenarioFiles.InvalidFiles,
  json: boolean
): Effect.fn.Return<never, Ending.Ending, Output> {
  if (json) return yield* Usage.refuse({ tag: "InvalidOptions", message: error.message }, true)
  const { message } = yield* Output
  const shown = error.faults.slice(0, maximumFaults)
  yield* Effect.forEach(shown, (fault) => message(`happy-eyeballs: ${ReportText.visible(fault)}`))
  const more = error.faults.length - shown.length
  if (more > 0) yield* message(`happy-eyeballs: and ${more} more faults`)
  return yield* Ending.misused
})

const maximumFaults = 8
