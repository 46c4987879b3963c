/**
 * The demo, run by `npm start`: a name with good and bad addresses, raced by
 * this library and, at the same time, by Node's own `net.connect`.
 *
 * Real sockets on 127.0.0.x and ::1, and nothing beyond: no name leaves this
 * machine, no privileges are needed.
 *
 * @since 0.1.0
 */
import * as NodeRuntime from "@effect/platform-node-shared/NodeRuntime"
import * as Effect from "effect/Effect"
import * as DemoStory from "./demo/DemoStory.ts"
import { Output } from "./Output.ts"

DemoStory.tell.pipe(
  Effect.provide(Output.layer),
  NodeRuntime.runMain
)
