/**
 * The entry of the executable: `bin/happy-eyeballs.js` imports it.
 *
 * @since 0.1.0
 */
import * as NodeChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import * as NodeRuntime from "@effect/platform-node-shared/NodeRuntime"
import * as NodeStdio from "@effect/platform-node-shared/NodeStdio"
import * as NodeTerminal from "@effect/platform-node-shared/NodeTerminal"
import { HappyEyeballsLive } from "@happy-eyeballs/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Cli from "./Cli.ts"
import { Output } from "./Output.ts"

const platform = Layer.mergeAll(
  NodeChildProcessSpawner.layer,
  NodeStdio.layer,
  NodeTerminal.layer
).pipe(Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)))

Cli.run(process.argv.slice(2)).pipe(
  Effect.provide(Layer.mergeAll(HappyEyeballsLive, Output.layer, platform)),
  NodeRuntime.runMain
)
