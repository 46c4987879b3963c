import { Dialer, DialFailed } from "@happy-eyeballs/core/Dialer"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/**
 * The racer that reaches name servers. It is given addresses and a dial with
 * every call, so it has no resolver and no dialer: this is where a resolver that
 * connects, for a racer that resolves, stops being a circle.
 *
 * @internal
 */
export const bootstrap: Layer.Layer<HappyEyeballs> = HappyEyeballs.layer.pipe(
  Layer.provide([
    Layer.succeed(Resolver, Resolver.of({ resolve: () => Stream.empty })),
    Layer.succeed(
      Dialer,
      Dialer.of({
        dial: (endpoint) =>
          Effect.fail(new DialFailed({ endpoint, kind: "Denied", code: undefined, cause: new Error("not a dialer") }))
      })
    )
  ])
)
