import { type ConnectOptions, Dialer, HappyEyeballs, Resolver, SourceAddress } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A resolver that answers each query with single addresses, and notes what it is asked. */
export const resolverOf = (
  answers: (
    query: Resolver.Query,
    times: number
  ) => Stream.Stream<readonly [source: Resolver.AnswerSource, address: string]>
) => {
  const asked: Array<Resolver.Query> = []
  const resolver = Resolver.Resolver.of({
    resolve: (query) =>
      Stream.suspend(() => {
        asked.push(query)
        return Stream.map(answers(query, asked.length), ([source, text]): Resolver.Answer => {
          const address = NetAddress.ipFromStringUnsafe(text)
          const type = NetAddress.isIpv6Address(address) ? "AAAA" : "A"
          return { _tag: "Addresses", owner: query.name, type, addresses: [address], ttl: undefined, source }
        })
      })
  })
  return { asked, resolver }
}

/** Runs a program over a simulated network in virtual time, with a resolver, a dialer or sources of its own. */
export const withService = <A, E>(
  program: Effect.Effect<A, E, HappyEyeballs.HappyEyeballs | Scope.Scope>,
  options: {
    readonly network?: World.World["network"]
    readonly resolver?: Resolver.Resolver["Service"]
    readonly dialer?: Dialer.Dialer["Service"]
    readonly sources?: SourceAddress.SourceAddresses
    readonly layer?: ConnectOptions.ConnectOptions
  } = {}
) =>
  VirtualTime.runUnsafe(Effect.scoped(Effect.gen(function*() {
    const network = yield* Layer.build(SimulatedNetwork.SimulatedNetwork.layer({ network: options.network }))
    const context = network.pipe(
      options.resolver === undefined ? (self) => self : Context.add(Resolver.Resolver, options.resolver),
      options.dialer === undefined ? (self) => self : Context.add(Dialer.Dialer, options.dialer),
      options.sources === undefined ? (self) => self : Context.add(SourceAddress.SourceAddress, options.sources)
    )
    const service = yield* Layer.build(
      HappyEyeballs.HappyEyeballs.layerOptions(options.layer ?? {}).pipe(
        Layer.provide(Layer.succeedContext(context))
      )
    )
    return yield* Effect.provide(program, service)
  })))

/** Runs a program in virtual time, on a clock that counts who sleeps. */
export const countingSleepers = <A, E>(program: (sleeping: () => number) => Effect.Effect<A, E>) =>
  VirtualTime.runUnsafe(Effect.clockWith((clock) => {
    let sleeping = 0
    const counting: Clock.Clock = {
      ...clock,
      sleep: (duration: Duration.Duration) =>
        Effect.suspend(() => {
          sleeping++
          return Effect.ensuring(clock.sleep(duration), Effect.sync(() => void sleeping--))
        })
    }
    return Effect.provideService(program(() => sleeping), Clock.Clock, counting)
  }))
