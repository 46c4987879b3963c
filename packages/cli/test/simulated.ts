import * as NodeChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import * as NodeTerminal from "@effect/platform-node-shared/NodeTerminal"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as SimulatedNetwork from "@happy-eyeballs/core/testing/SimulatedNetwork"
import type { World } from "@happy-eyeballs/core/testing/World"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Cli from "../src/Cli.ts"
import { Ending } from "../src/Ending.ts"
import { Output } from "../src/Output.ts"
import type { Screen } from "../src/Screen.ts"
import type { Style } from "../src/Style.ts"

export const plain: Style = { columns: 80, colour: false, unicode: true }

/** The styles that what people see is kept in. */
export const styles: ReadonlyArray<Style> = [80, 120].flatMap((columns) =>
  [false, true].map((colour) => ({ columns, colour, unicode: true }))
)

// oxlint-disable-next-line no-control-regex
const colours = /\x1b\[(\d+)m/g

/** Lines in every style, one after the other: every colour by its number in angle brackets. */
export const inEveryStyle = (lines: (style: Style) => ReadonlyArray<string>): string =>
  styles.map((style) =>
    [`${style.columns} columns, ${style.colour ? "with" : "without"} colour`, "", ...lines(style)]
      .join("\n").replaceAll(colours, "<$1>")
  ).join("\n\n\n") + "\n"

export interface Options {
  readonly interruptAfterMs?: number
  /** Files by name; a folder is undefined. Real files do not exist in virtual time. */
  readonly files?: Readonly<Record<string, string | undefined>>
  readonly stdin?: string
  readonly style?: Style
  readonly env?: Record<string, string>
  /** With keys by the time they are pressed at, output goes to a terminal. */
  readonly keys?: ReadonlyArray<readonly [atMs: number, key: string]>
}

const layerPlatform = ({ files = {}, stdin = "" }: Options, written: Map<string, string>) => {
  const fail = (tag: "NotFound" | "BadResource", file: string) =>
    Effect.fail(
      PlatformError.systemError({ _tag: tag, module: "FileSystem", method: "readFile", pathOrDescriptor: file })
    )
  const layerFiles = FileSystem.layerNoop({
    writeFileString: (file, text, { flag } = {}) => {
      if (file.startsWith("missing/")) return fail("NotFound", file)
      if (flag !== "a") written.set(file, text)
      return Effect.void
    },
    readFileString: (file) => {
      const text = files[file]
      return text === undefined ? fail(file in files ? "BadResource" : "NotFound", file) : Effect.succeed(text)
    }
  })
  return Layer.mergeAll(
    NodeChildProcessSpawner.layer,
    NodeTerminal.layer,
    Stdio.layerTest({ stdin: Stream.make(new TextEncoder().encode(stdin)) })
  ).pipe(Layer.provideMerge(Layer.mergeAll(layerFiles, NodePath.layer)))
}

export interface Ran {
  /** The exit code; 130 stands for an interruption. */
  readonly code: number
  readonly results: ReadonlyArray<string>
  readonly messages: ReadonlyArray<string>
  /** What was written to files, by name. */
  readonly written: ReadonlyMap<string, string>
  /** The pictures that were drawn on the terminal, and whether it was left as it was. */
  readonly pictures: ReadonlyArray<string>
  readonly restored: boolean
}

/** Runs the command line on a simulated network, in virtual time. */
export const runCli = (
  args: ReadonlyArray<string>,
  world: World = {},
  options: Options = {}
): Ran => {
  const results: Array<string> = []
  const messages: Array<string> = []
  const written = new Map<string, string>()
  const pictures: Array<string> = []
  let open = 0
  let keys = options.keys ?? []
  const layerOutput = Layer.succeed(Output, {
    result: (line) => Effect.sync(() => void results.push(line)),
    message: (line) => Effect.sync(() => void messages.push(line)),
    style: options.style ?? plain,
    screen: options.keys === undefined ?
      undefined :
      Effect.gen(function*(): Effect.fn.Return<Screen, never, Scope.Scope> {
        yield* Effect.acquireRelease(Effect.sync(() => void open++), () => Effect.sync(() => void open--))
        return {
          show: (lines) => Effect.sync(() => void pictures.push(lines.join("\n"))),
          key: Effect.suspend(() => {
            const [next, ...later] = keys
            if (next === undefined) return Effect.never
            keys = later
            return Effect.delay(Effect.succeed(next[1]), next[0])
          })
        }
      })
  })
  const layerNetwork = Layer.provideMerge(HappyEyeballs.layer, SimulatedNetwork.layer(world))
  const program = Cli.run(args).pipe(
    Effect.provide(Layer.mergeAll(layerOutput, layerPlatform(options, written), layerNetwork)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: options.env ?? {} }))
  )
  const { interruptAfterMs } = options
  const exit = SimulatedNetwork.run(
    interruptAfterMs === undefined ? program : interruptedAfter(program, interruptAfterMs)
  )
  return { code: codeOf(exit), results, messages, written, pictures, restored: open === 0 }
}

// The exit of the program itself, and not of whoever interrupts it.
const interruptedAfter = <A, E, R>(program: Effect.Effect<A, E, R>, ms: number): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(program)
    yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(ms))
    yield* Fiber.interrupt(fiber)
    return yield* yield* Fiber.await(fiber)
  })

const codeOf = (exit: Exit.Exit<void, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  if (error instanceof Ending) return error.code
  if (Cause.hasInterruptsOnly(exit.cause)) return 130
  throw new Error(Cause.pretty(exit.cause))
}
