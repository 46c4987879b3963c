/**
 * Events of connects on a channel of `node:diagnostics_channel`, for those who
 * watch a program without being part of it.
 *
 * @since 0.1.0
 */
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import DiagnosticsChannel from "node:diagnostics_channel"

/**
 * The name of the channel. Each message is a `ConnectEvent`.
 *
 * @category constants
 * @since 0.1.0
 */
export const channelName = "happy-eyeballs:connect"

/**
 * Layer that publishes the events of every connect of the service.
 *
 * **Details**
 *
 * The promise API and `--import @happy-eyeballs/node/register` have it already.
 * While nobody subscribes, it costs one look at a flag an event.
 *
 * **Gotchas**
 *
 * Subscribers are called in the middle of the connect: what they do, it waits
 * for. What they throw, Node reports as an uncaught exception.
 *
 * **Example** (Watching the promise API)
 *
 * ```ts
 * import type { ConnectEvent } from "@happy-eyeballs/core"
 * import { NodeDiagnostics } from "@happy-eyeballs/node"
 * import { subscribe } from "node:diagnostics_channel"
 *
 * subscribe(NodeDiagnostics.channelName, (message) => {
 *   const event = message as ConnectEvent.ConnectEvent
 *   if (event._tag === "Ended") console.log(event.report.winner?.address)
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, HappyEyeballs> = Layer.effectDiscard(
  Effect.flatMap(HappyEyeballs, ({ observe }) => {
    const channel = DiagnosticsChannel.channel(channelName)
    return observe((event) => {
      if (channel.hasSubscribers) channel.publish(event)
    })
  })
)
