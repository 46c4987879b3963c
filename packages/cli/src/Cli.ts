/**
 * The command line as an effect: arguments in, lines and an exit code out.
 *
 * The commands are modules of their own. What `effect/cli` would write itself is
 * written here: help that was asked for to standard output, everything that
 * went wrong as one line to standard error.
 *
 * @since 0.1.0
 */
import type { Dialer } from "@happy-eyeballs/core/Dialer"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeModule from "node:module"
import * as Bench from "./commands/Bench.ts"
import * as Connect from "./commands/Connect.ts"
import * as Doctor from "./commands/Doctor.ts"
import * as Resolve from "./commands/Resolve.ts"
import * as Simulate from "./commands/Simulate.ts"
import * as Watch from "./commands/Watch.ts"
import * as Ending from "./Ending.ts"
import { Output } from "./Output.ts"
import * as Usage from "./Usage.ts"

const root = Command.make("happy-eyeballs").pipe(
  Command.withDescription("Connect by racing addresses, and see what happened"),
  Command.withSubcommands([
    Connect.command,
    Resolve.command,
    Bench.command,
    Watch.command,
    Doctor.command,
    Simulate.command
  ])
)

// From `src` and from `dist` the manifest is one folder up.
const { version } = NodeModule.createRequire(import.meta.url)("../package.json") as { readonly version: string }

/**
 * Runs the command line with these arguments.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  args: ReadonlyArray<string>
): Effect.Effect<void, Ending.Ending, Output | HappyEyeballs | Resolver | Dialer | Command.Environment> =>
  Command.runWith(root, { version })(args).pipe(
    Effect.catchIf(CliError.isCliError, () => Effect.fail(Ending.misused)),
    Effect.provide(Layer.mergeAll(
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
      layerPresenter(Usage.wantsJson(args))
    ))
  )

const layerPresenter = (json: boolean): Layer.Layer<never, never, Output> =>
  Layer.effect(
    CliOutput.Presenter,
    Effect.gen(function*() {
      const output = yield* Output
      const formatter = CliOutput.defaultFormatter({ colors: output.style.colour })
      const present = (event: CliOutput.Presenter.Event): Effect.Effect<void, Ending.Ending> => {
        switch (event._tag) {
          case "Version":
            return output.result(event.version)
          case "Help":
            return (event.reason === "Requested" ? output.result : output.message)(
              formatter.formatHelpDoc(event.helpDoc)
            )
          case "InvalidInvocation":
            return Usage.refuse(Usage.fromErrors(event.errors, event.commandPath), json, event.commandPath.at(-1)).pipe(
              Effect.provideService(Output, output)
            )
        }
      }
      return { present: (event) => Effect.ignore(present(event)) }
    })
  )
