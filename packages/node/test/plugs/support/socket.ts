/**
 * What the tests of socket plugs share.
 */
import { assert } from "@effect/vitest"
import { type Dialer, type HappyEyeballs, Resolver } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as NodeDialer from "../../../src/NodeDialer.ts"
import * as NodeHappyEyeballs from "../../../src/NodeHappyEyeballs.ts"
import * as Resources from "../../fixtures/Resources.ts"

/** One turn of the loop. */
export const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits until something holds, for at most ten thousand turns of the loop. */
export const until = (condition: () => boolean, message?: string): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let turns = 0; turns < 10_000 && !condition(); turns++) yield* turn
    assert.isTrue(condition(), message)
  })

/** Listens for an event from now on, and waits for it. */
export const heard = <Event extends string>(
  emitter: { once(event: Event, listener: () => void): unknown },
  event: Event
): Effect.Effect<void> => {
  const promise = new Promise<void>((resolve) => emitter.once(event, () => resolve()))
  return Effect.promise(() => promise)
}

export const settled = <A>(promise: () => Promise<A>): Effect.Effect<A, Error> =>
  Effect.tryPromise({ try: promise, catch: (cause) => cause as Error })

/** Checks that nothing stays open that `effect` opened in its scope. */
export const leavesNothing = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    const before = Resources.descriptors()
    const value = yield* Effect.scoped(effect)
    yield* until(() => Resources.descriptors() === before, "descriptors are left")
    return value
  })

/** The racer over a resolver that knows these names, and may learn that they have moved. */
export const layerNames = (
  hosts: () => Readonly<Record<string, ReadonlyArray<string>>>
): Layer.Layer<HappyEyeballs.HappyEyeballs | Dialer.Dialer> => {
  const lookup = (hostname: string, family: NetAddress.IpFamily | undefined) => {
    const found = (hosts()[hostname.replace(/\.$/, "")] ?? [])
      .map((text) => NetAddress.ipFromStringUnsafe(text))
      .filter((address) => family === undefined || NetAddress.familyOf(address) === family)
    return found.length === 0
      ? Effect.fail(new Dns.DnsError({ reason: "NotFound", method: "lookup", hostname }))
      : Effect.succeed(found)
  }
  const resolver = Layer.sync(Resolver.Resolver, () => Resolver.fromDns(Dns.make({ lookup })))
  return NodeHappyEyeballs.layerNoDeps.pipe(Layer.provide(resolver), Layer.provideMerge(NodeDialer.layer))
}
