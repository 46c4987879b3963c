import * as NodeChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import * as NodeStdio from "@effect/platform-node-shared/NodeStdio"
import * as NodeTerminal from "@effect/platform-node-shared/NodeTerminal"
import * as SimulatedNetwork from "@happy-eyeballs/core/testing/SimulatedNetwork"
import type { World } from "@happy-eyeballs/core/testing/World"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Cli from "../src/Cli.ts"
import { Ending } from "../src/Ending.ts"
import { Output } from "../src/Output.ts"
import type { Style } from "../src/Style.ts"

const style: Style = { columns: 80, colour: false, unicode: true }

const layerPlatform = Layer.mergeAll(NodeChildProcessSpawner.layer, NodeStdio.layer, NodeTerminal.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer))
)

export interface Ran {
  /** The exit code; 130 stands for an interruption. */
  readonly code: number
  readonly results: ReadonlyArray<string>
  readonly messages: ReadonlyArray<string>
}

/** Runs the command line on a simulated network, in virtual time. */
export const runCli = (
  args: ReadonlyArray<string>,
  world: World = {},
  options: { readonly interruptAfterMs?: number } = {}
): Ran => {
  const results: Array<string> = []
  const messages: Array<string> = []
  const layerOutput = Layer.succeed(Output, {
    result: (line) => Effect.sync(() => void results.push(line)),
    message: (line) => Effect.sync(() => void messages.push(line)),
    style
  })
  const program = Cli.run(args).pipe(
    Effect.provide(Layer.mergeAll(layerOutput, layerPlatform, SimulatedNetwork.layer(world)))
  )
  const { interruptAfterMs } = options
  const exit = SimulatedNetwork.run(
    interruptAfterMs === undefined
      ? program
      : Effect.timeoutOrElse(program, { duration: interruptAfterMs, orElse: () => Effect.interrupt })
  )
  return { code: codeOf(exit), results, messages }
}

const codeOf = (exit: Exit.Exit<void, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  if (error instanceof Ending) return error.code
  if (Cause.hasInterruptsOnly(exit.cause)) return 130
  throw new Error(Cause.pretty(exit.cause))
}
