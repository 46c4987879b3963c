import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import Dns from "node:dns"
import * as Net from "node:net"
import { afterAll } from "vitest"
import * as BlackHole from "../fixtures/BlackHole.ts"
import { host, type Plugs, plugs, rows } from "./support/clients.ts"
import { layerNames } from "./support/socket.ts"
import * as Late from "./support/socketLate.ts"
import * as Tables from "./support/tables.ts"

const addresses = ["::1", "127.0.0.1"]

/** Lets Node's own `lookup` know the name that the racer's resolver knows. */
const namedForNode = Effect.acquireRelease(
  Effect.sync(() => {
    const { lookup } = Dns
    const answer = (name: string, options: object, callback: (...answer: ReadonlyArray<unknown>) => void) =>
      name === host
        ? callback(null, addresses.map((address) => ({ address, family: Net.isIP(address) })))
        : Reflect.apply(lookup, Dns, [name, options, callback])
    Dns.lookup = answer as typeof lookup
    return lookup
  }),
  (lookup) =>
    Effect.sync(() => {
      Dns.lookup = lookup
    })
)

/** The code of an error, or of what is behind it. */
const codeOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "code") && typeof error.code === "string") return error.code
  if (Predicate.hasProperty(error, "reason")) return codeOf(error.reason)
  return Predicate.hasProperty(error, "cause") ? codeOf(error.cause) : String(error)
}

const timed = <A, R>(ask: Effect.Effect<A, Error, R>): Effect.Effect<number | string, never, R> =>
  Effect.suspend(() => {
    const started = performance.now()
    return Effect.match(ask, {
      onFailure: codeOf,
      onSuccess: () => Math.round(performance.now() - started)
    })
  })

/** The least of three, or the first that is good enough: what disturbs a measurement only adds to it. */
const least = <R>(ask: Effect.Effect<number | string, never, R>, enough = 0) =>
  Effect.gen(function*() {
    let best = Number(yield* ask)
    for (let more = 2; more > 0 && !(best <= enough); more--) best = Math.min(best, Number(yield* ask))
    return best
  })

const table: Record<string, ReadonlyArray<Tables.Cell>> = {}

describe("a first address that does not answer", () => {
  afterAll(() => Tables.write("clients", table))

  it("has a row in the recipes for every client", () => {
    assert.deepStrictEqual(Tables.clientsIn("clients"), rows.map(({ client }) => client))
  })

  for (const { ask, client, onlyPlugged = false, server } of rows) {
    if (server === undefined) {
      it(`is not shown for ${client}: it has no server here`, () =>
        console.log(`skipped: no server for ${client} here`))
      continue
    }
    it.live(
      `costs ${client} the attempt delay, and keeps it from no address that is late`,
      () =>
        Effect.gen(function*() {
          yield* namedForNode
          const given = yield* plugs
          const port = yield* server
          const asking = (port: number, plugs: Plugs | undefined) => Effect.scoped(timed(ask(port, plugs)))
          // Once for what is compiled on first use, then as everybody does it.
          yield* asking(port, given)
          const direct = yield* least(asking(port, given))
          /** With a first address that never answers. */
          const dead = (plugs: Plugs | undefined) =>
            Effect.scoped(Effect.andThen(BlackHole.make("::1", port), least(asking(port, plugs), direct + 260)))
          /** With a first address that answers after a second, and a second that refuses. */
          const late = (plugs: Plugs | undefined) =>
            Effect.scoped(Effect.gen(function*() {
              const late = yield* Late.make("::1", port)
              const [asked] = yield* Effect.all([asking(late.port, plugs), late.openAfter(600)], {
                concurrency: "unbounded"
              })
              return asked
            }))
          const without = <A>(measure: (plugs: undefined) => Effect.Effect<A>): Effect.Effect<A | undefined> =>
            onlyPlugged ? Effect.undefined : measure(undefined)

          const deadWithout = yield* without(dead)
          const deadWith = yield* dead(given)
          const lates = [without(late), late(given)]
          const [lateWithout, lateWith] = yield* Effect.all(lates, { concurrency: "unbounded" })
          table[client] = [direct, deadWithout, deadWith, lateWithout, lateWith]
          console.log(client, { direct, deadWithout, deadWith, lateWithout, lateWith })

          assert.isAtLeast(deadWith, 245)
          assert.isAtMost(deadWith - direct - 250, 50, "beyond the attempt delay")
          assert.isNumber(lateWith)
          if (!onlyPlugged) assert.isString(lateWithout)
        }).pipe(Effect.scoped, Effect.provide(layerNames(() => ({ [host]: addresses })))),
      60_000
    )
  }
})
