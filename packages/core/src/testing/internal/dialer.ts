import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { type Dialed, type Dialer, DialFailed, type FailureKind, OnSecuring } from "../../Dialer.ts"
import type { Endpoint } from "../../Endpoint.ts"
import type { Behaviour } from "../World.ts"
import * as Connection from "./connection.ts"
import { DialledSocket, type Network } from "./network.ts"

/**
 * Dials the addresses of a simulated network.
 *
 * @internal
 */
export const makeDialer = (network: Network): Dialer["Service"] => ({
  dial: (endpoint) =>
    Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const scope = Context.getUnsafe(fiber.context, Scope.Scope)
      const socket = new DialledSocket(network, endpoint, clock)
      const opened = Effect.suspend(() => {
        socket.open()
        return Scope.addFinalizer(scope, socket.close)
      })
      return opened.pipe(
        Effect.andThen(connect(network, endpoint, clock, fiber.getRef(Random.Random))),
        Effect.flatMap((behaviour) => establish(network, socket, behaviour, clock)),
        // The scope is closed later than the dial is interrupted; a socket is not.
        Effect.onExit((exit) => {
          if (Exit.isSuccess(exit)) return Effect.void
          if (!Exit.hasInterrupts(exit)) socket.ended("failed")
          return socket.close
        })
      )
    })
})

const connect = (
  network: Network,
  endpoint: Endpoint,
  clock: Clock.Clock,
  random: Random.Random
): Effect.Effect<Behaviour, DialFailed> =>
  Effect.suspend(() => {
    const { world } = network
    const { address } = endpoint
    if (!NetAddress.isUnixPathAddress(address) && world.sourceOf(address.address)._tag === "NoRoute") {
      return failed(endpoint, "Unreachable", "ENETUNREACH")
    }
    const startMs = clock.currentTimeMillisUnsafe()
    // Every SYN meets the world as it is when that SYN is sent.
    const sendSyn = (retransmits: number): Effect.Effect<Behaviour, DialFailed> => {
      const behaviour = world.behaviourOf(endpoint)
      if (behaviour.outcome === "congested" && retransmits === 0) {
        return Effect.andThen(wait(clock, behaviour.afterMs), failed(endpoint, "Congested", "EMFILE"))
      }
      if (!isLost(behaviour, random)) {
        return Effect.andThen(wait(clock, behaviour.afterMs), Effect.suspend(() => respond(endpoint, behaviour)))
      }
      const againMs = world.synRetransmitsMs[retransmits]
      return againMs === undefined ? Effect.never : Effect.andThen(
        wait(clock, startMs + againMs - clock.currentTimeMillisUnsafe()),
        Effect.suspend(() => sendSyn(retransmits + 1))
      )
    }
    return sendSyn(0)
  })

const isLost = ({ loss = 0, outcome }: Behaviour, random: Random.Random): boolean =>
  outcome === "drop" || outcome === "congested" || (loss > 0 && random.nextDoubleUnsafe() < loss)

const respond = (endpoint: Endpoint, behaviour: Behaviour): Effect.Effect<Behaviour, DialFailed> => {
  switch (behaviour.outcome) {
    case "refuse":
      return failed(endpoint, "Refused", "ECONNREFUSED")
    case "reset":
      return failed(endpoint, "Reset", "ECONNRESET")
    case "unreachable":
      return failed(endpoint, "Unreachable", "EHOSTUNREACH")
    default:
      return Effect.succeed(behaviour)
  }
}

const establish = (
  network: Network,
  socket: DialledSocket,
  behaviour: Behaviour,
  clock: Clock.Clock
): Effect.Effect<Dialed, DialFailed> => {
  const { endpoint } = socket
  const handshake = shakeHands(endpoint, behaviour, clock)
  const opened = Effect.map(
    Connection.open({
      endpoint,
      link: {
        latencyMs: behaviour.latencyMs ?? 0,
        windowBytes: behaviour.windowBytes ?? 65_536,
        scope: network.scope
      },
      serve: behaviour.serve,
      handshake,
      onOver: () => socket.ended("closed")
    }),
    (connection): Dialed => {
      socket.connected(connection)
      return { endpoint, socket: connection.socket, native: undefined, onClose: socket.onClose }
    }
  )
  return endpoint.tls === undefined ? opened : securing(Effect.andThen(handshake, opened))
}

const securing = <A, E>(handshake: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    fiber.getRef(OnSecuring)?.()
    return handshake
  })

const shakeHands = (endpoint: Endpoint, { tls }: Behaviour, clock: Clock.Clock): Effect.Effect<void, DialFailed> => {
  if (tls === undefined) return Effect.void
  if (tls.outcome === "stall") return Effect.never
  const time = wait(clock, tls.afterMs)
  return tls.outcome === "ok"
    ? time
    : Effect.andThen(time, failed(endpoint, "Tls", "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE"))
}

const failed = (endpoint: Endpoint, kind: FailureKind, code: string): Effect.Effect<never, DialFailed> =>
  Effect.suspend(() => Effect.fail(new DialFailed({ endpoint, kind, code })))

// Nothing to wait for is no reason to yield: a dial may end in the instant it began.
const wait = (clock: Clock.Clock, ms: number | undefined): Effect.Effect<void> =>
  ms === undefined || ms <= 0 ? Effect.void : clock.sleep(Duration.millis(ms))
