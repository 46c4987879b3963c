/**
 * `bench HOST PORT…`: how fast each address of a name is by itself, and the
 * race beside them.
 *
 * @since 0.1.0
 */
import type { ConnectError } from "@happy-eyeballs/core/ConnectError"
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import type { Dialer } from "@happy-eyeballs/core/Dialer"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Bench from "../Bench.ts"
import type * as BenchResult from "../BenchResult.ts"
import * as BenchText from "../BenchText.ts"
import * as CliTarget from "../CliTarget.ts"
import * as ConnectFlags from "../ConnectFlags.ts"
import * as Ending from "../Ending.ts"
import * as BenchPage from "../html/BenchPage.ts"
import * as Live from "../Live.ts"
import * as OptionTexts from "../OptionTexts.ts"
import { Output } from "../Output.ts"
import * as ReportFile from "../ReportFile.ts"
import * as ReportText from "../ReportText.ts"
import * as Upstreams from "../Upstreams.ts"
import * as Usage from "../Usage.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("bench", {
  host: CliTarget.host,
  ports: CliTarget.ports,
  count: ConnectFlags.rounds("count", "how often each address is connected to (10)"),
  dns: Upstreams.flag("resolve through this server (repeatable: each by itself, for comparison)"),
  json: ConnectFlags.json,
  report: ReportFile.flag,
  config: OptionTexts.flag,
  options: ConnectFlags.flags
}, (input) => run(input)).pipe(
  Command.withDescription("Measure each address of a name by itself, and the race beside them"),
  Command.withShortDescription("measure each address of a name"),
  Command.withExamples([
    { command: "happy-eyeballs bench example.com 443 --count 5" },
    { command: "happy-eyeballs bench example.com 443 --dns 192.0.2.53 --dns tls://198.51.100.53" }
  ])
)

interface Input {
  readonly host: string
  readonly ports: ReadonlyArray<string>
  readonly count: number | undefined
  readonly dns: ReadonlyArray<string>
  readonly json: boolean
  readonly report: string | undefined
  readonly config: string | undefined
  readonly options: ConnectOptions.ConnectOptions
}

const run = Effect.fnUntraced(
  function*({ config, count = 10, dns, host, json, options: given, ports, report }: Input): Effect.fn.Return<
    void,
    Ending.Ending,
    Output | HappyEyeballs | Resolver | Dialer | FileSystem.FileSystem | Scope.Scope
  > {
    const output = yield* Output
    const refuse = (tag: Usage.Fault["tag"], message: string) => Usage.refuse({ tag, message, host }, json)
    const misuse = ({ message }: { readonly message: string }) => refuse("InvalidOptions", message)
    const target = CliTarget.fromArguments(host, ports)
    if (Result.isFailure(target)) return yield* refuse("InvalidTarget", target.failure)
    const upstreams = yield* Effect.catch(
      Effect.forEach(dns.length === 0 ? [[]] : dns.map((url) => [url]), (urls) => Upstreams.open(urls)),
      misuse
    )
    const options = yield* Effect.catch(OptionTexts.load(config, given), misuse)
    yield* Effect.catch(ReportFile.touch(report), misuse)
    const running = new Bench.Run({
      target: target.success,
      options: ConnectFlags.ofOneConnect(options),
      count,
      upstreams: upstreams.map(({ happyEyeballs, servers: [server = null] }) => ({ server, happyEyeballs }))
    })
    const show = Effect.fnUntraced(function*(bench: BenchResult.Bench) {
      if (json) yield* output.result(JSON.stringify(bench))
      else yield* Effect.forEach(BenchText.lines(bench, output.style), output.result)
      if (!json && bench.error !== null) {
        yield* output.message(`happy-eyeballs: ${ReportText.visible(bench.error.message)}`)
      }
      yield* ReportFile.write(report, () => BenchPage.content(bench, options))
    })
    const measured = json
      ? running.measure
      : Live.during(running.measure, (style) => [
        BenchText.progress(running.bench),
        "",
        ...BenchText.lines(running.bench, style)
      ])
    // Uninterruptible from the end of the work on: what was measured is shown once.
    yield* Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore): Effect.fn.Return<
      void,
      Ending.Ending,
      Output | Dialer | FileSystem.FileSystem
    > {
      const exit = yield* Effect.exit(restore(measured))
      if (Exit.isSuccess(exit)) {
        yield* show(running.bench)
        return running.bench.ok ? undefined : yield* Ending.unsuccessful
      }
      const error: ConnectError | undefined = exit.cause.reasons.find(Cause.isFailReason)?.error
      if (error !== undefined) {
        return yield* refuse(error.reason._tag === "InvalidTarget" ? "InvalidTarget" : "InvalidOptions", error.message)
      }
      if (Cause.hasDies(exit.cause)) return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      yield* show({ ...running.bench, ok: false, error: interrupted(running.bench) })
      return yield* Effect.interrupt
    }))
  },
  Effect.scoped
)

const interrupted = ({ count, rounds }: BenchResult.Bench): BenchResult.Bench["error"] => ({
  tag: "Interrupted",
  message: `interrupted after ${rounds} of ${count} rounds`
})
