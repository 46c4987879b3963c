/**
 * The network of the demo: a name with several addresses, each with a role,
 * played by real sockets on this machine.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Loopback from "./Loopback.ts"

/**
 * What an address does with a connection: nothing at all, let it in after a
 * while, refuse it, or let it in.
 *
 * @category models
 * @since 0.1.0
 */
export type Role = "silent" | "late" | "refusing" | "good"

/**
 * An address and its role.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  readonly address: string
  readonly role: Role
}

/**
 * A network that is up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Network {
  /** The port at which the roles are played. */
  readonly port: number
  /** A port at which every address refuses. */
  readonly refusedPort: number
  /** From now on the late ones let in who tries again. */
  readonly release: Effect.Effect<void>
}

/**
 * No port could be found that is free on every address.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoFreePort extends Data.TaggedError("NoFreePort") {
  override readonly message = "no port is free on every address"
}

/**
 * Says whether this machine has an address.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasAddress = (address: string): Effect.Effect<boolean> =>
  Effect.orElseSucceed(Loopback.isFree(address, 0), () => false)

/**
 * Brings the network up, in the scope it is given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(
  members: ReadonlyArray<Member>
): Effect.fn.Return<Network, Loopback.ListenFailed | NoFreePort, Scope.Scope> {
  const port = yield* findFreePort(members)
  const refusedPort = yield* findFreePort(members)
  const releases = yield* Effect.forEach(members, ({ address, role }) => {
    switch (role) {
      case "refusing":
        return Effect.succeed(Effect.void)
      case "good":
        return Effect.as(Loopback.accepting(address, port), Effect.void)
      case "silent":
        return Effect.as(Loopback.silent(address, port), Effect.void)
      case "late":
        return Effect.map(Loopback.silent(address, port), ({ release }) => release)
    }
  }, { concurrency: "unbounded" })
  return { port, refusedPort, release: Effect.all(releases, { discard: true }) }
})

// Below the ports that systems give to clients, so that none of them takes one
// between the search and the listening.
const ports = { from: 20_000, to: 29_999 }
const maximumSearches = 50

const findFreePort = Effect.fnUntraced(function*(
  members: ReadonlyArray<Member>
): Effect.fn.Return<number, Loopback.ListenFailed | NoFreePort> {
  for (let search = 0; search < maximumSearches; search++) {
    const port = yield* Random.nextIntBetween(ports.from, ports.to)
    const free = yield* Effect.forEach(members, ({ address }) => Loopback.isFree(address, port))
    if (free.every(Boolean)) return port
  }
  return yield* new NoFreePort()
})
