import { assert, describe } from "@effect/vitest"
import { Dialer, type Endpoint } from "@happy-eyeballs/core"
import { SimulatedNetwork, SimulatedServer, type World } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import { inSimulatedTime } from "./runners.ts"

const endpoint: Endpoint.Endpoint = {
  address: NetAddress.inetAddressFromStringUnsafe("192.0.2.1:443"),
  tls: undefined,
  host: undefined,
  payload: undefined
}

const dial = Effect.flatMap(Dialer.Dialer, (dialer) => dialer.dial(endpoint))

/** Runs a client against a server and asserts that nothing is left open. */
const against = (
  behaviour: Omit<World.Behaviour, "outcome">,
  client: (
    dialed: Dialer.Dialed
  ) => Effect.Effect<void, unknown, Scope.Scope | SimulatedNetwork.SimulatedNetwork | Dialer.Dialer>
) =>
  Effect.gen(function*() {
    const network = yield* SimulatedNetwork.SimulatedNetwork
    yield* Effect.scoped(Effect.flatMap(dial, client))
    yield* network.assertNothingOpen
  }).pipe(
    Effect.provide(SimulatedNetwork.layer({ network: { "192.0.2.1": { outcome: "accept", ...behaviour } } }))
  )

const decoder = new TextDecoder()

/** The text of each batch that is pulled, with the time at which it came. */
const reads = (reader: Socket.Reader, count: number) =>
  Effect.replicateEffect(
    Effect.zipWith(
      Effect.map(reader.pull, (batch) => {
        assert.isTrue(batch.every((chunk) => chunk instanceof Uint8Array), "TCP carries bytes")
        return batch.map((chunk) => typeof chunk === "string" ? chunk : decoder.decode(chunk)).join("|")
      }),
      Clock.currentTimeMillis,
      (text, now) => `${now} ${text}`
    ),
    count
  )

/** Why a read or write fails, and when: the reason with its close code or its cause. */
const failure = <A>(effect: Effect.Effect<A, Socket.SocketError>) =>
  Effect.zipWith(Effect.flip(effect), Clock.currentTimeMillis, ({ reason }, now) => {
    const detail = reason._tag === "SocketCloseError"
      ? reason.code
      : reason.cause instanceof Error
      ? reason.cause.message
      : String(reason.cause)
    return `${now} ${reason._tag} ${detail}`
  })

describe("the socket of a simulated connection", () => {
  inSimulatedTime(
    "carries bytes both ways, each way as late as the latency says",
    () =>
      against({ serve: SimulatedServer.echo, latencyMs: 10 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          const writer = yield* socket.writer
          yield* writer.write("hello")
          yield* writer.writeAll([new TextEncoder().encode("wor"), "ld"])
          yield* Effect.sleep(5)
          yield* writer.write("late")
          assert.deepStrictEqual(yield* reads(reader, 3), ["20 hello", "20 wor|ld", "25 late"])
        }))
  )

  inSimulatedTime(
    "keeps order among what is underway",
    () =>
      against({ serve: SimulatedServer.echo, latencyMs: 0.1 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          const writer = yield* socket.writer
          const words = Array.from({ length: 100 }, (_, index) => `${index}`)
          yield* Effect.forEach(words, (word) => writer.write(word))
          yield* Effect.sleep(1)
          assert.deepStrictEqual(yield* reads(reader, 1), [`1 ${words.join("|")}`])
        }))
  )

  inSimulatedTime(
    "copies what is written, as a network does",
    () =>
      against({ serve: SimulatedServer.echo, latencyMs: 1 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          const writer = yield* socket.writer
          const buffer = new TextEncoder().encode("first")
          yield* writer.write(buffer)
          buffer.fill(0)
          assert.deepStrictEqual(yield* reads(reader, 1), ["2 first"])
        }))
  )

  inSimulatedTime("loses nothing of a server that speaks first, however late it is read", () =>
    against({
      serve: Effect.fnUntraced(function*({ endpoint: dialled, socket }) {
        assert.strictEqual(dialled, endpoint)
        const writer = yield* socket.writer
        yield* writer.write("220 ready")
      })
    }, ({ socket }) =>
      Effect.gen(function*() {
        yield* Effect.sleep(500)
        const reader = yield* socket.reader
        assert.deepStrictEqual(yield* reads(reader, 1), ["500 220 ready"])
        assert.strictEqual(yield* failure(reader.pull), "500 SocketCloseError 1000")
      })))

  inSimulatedTime(
    "runs Effect's own channels",
    () =>
      against({ serve: SimulatedServer.echo, latencyMs: 3 }, ({ socket }) =>
        Effect.gen(function*() {
          const text = yield* Stream.make("one ", "two").pipe(
            Stream.pipeThroughChannel(Socket.toChannelString(socket)),
            Stream.catchIf(Socket.isSocketError, () => Stream.empty),
            Stream.mkString
          )
          assert.strictEqual(text, "one two")
        }))
  )

  inSimulatedTime(
    "makes writes wait for the reader, as Effect's sockets do",
    () =>
      against({ serve: SimulatedServer.echo }, ({ socket }) =>
        Effect.gen(function*() {
          const writer = yield* socket.writer
          const writing = yield* Effect.forkChild(writer.write("early"), { startImmediately: true })
          yield* Effect.sleep(10)
          assert.isUndefined(writing.pollUnsafe())
          const reader = yield* socket.reader
          assert.deepStrictEqual(yield* reads(reader, 1), ["10 early"])
          yield* Fiber.join(writing)
        }))
  )

  inSimulatedTime("can be read once", () =>
    against({}, ({ socket }) =>
      Effect.gen(function*() {
        yield* Effect.scoped(socket.reader)
        assert.strictEqual(
          yield* failure(Effect.scoped(socket.reader)),
          "0 SocketOpenError this connection was already read from: dial again for another"
        )
      })))

  inSimulatedTime(
    "fails a suspended read when the reader is released",
    () =>
      against({}, ({ socket }) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const reader = yield* Scope.provide(socket.reader, scope)
          const reading = yield* Effect.forkChild(failure(reader.pull), { startImmediately: true })
          yield* Effect.sleep(10)
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual(yield* Fiber.join(reading), "10 SocketCloseError 1006")
        }))
  )

  inSimulatedTime(
    "reads on after a read was interrupted",
    () =>
      against({ serve: SimulatedServer.echo, latencyMs: 10 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          const writer = yield* socket.writer
          yield* writer.write("kept")
          yield* Effect.timeoutOrElse(reader.pull, { duration: 5, orElse: () => Effect.void })
          assert.deepStrictEqual(yield* reads(reader, 1), ["20 kept"])
        }))
  )
})

describe("back-pressure of a simulated connection", () => {
  const reluctant = (afterMs: number): SimulatedServer.Serve =>
    Effect.fnUntraced(function*({ socket }) {
      const reader = yield* socket.reader
      yield* Effect.sleep(afterMs)
      return yield* Effect.forever(reader.pull, { disableYield: true })
    })

  inSimulatedTime(
    "lets a writer go until the window is full, and on when the peer has read",
    () =>
      against({ serve: reluctant(300), windowBytes: 8, latencyMs: 1 }, ({ socket }) =>
        Effect.gen(function*() {
          yield* socket.reader
          const writer = yield* socket.writer
          yield* writer.write("12345678")
          assert.strictEqual(yield* Clock.currentTimeMillis, 0)
          yield* writer.write("9")
          assert.strictEqual(yield* Clock.currentTimeMillis, 300)
        }))
  )

  inSimulatedTime(
    "has a window of 64 KiB where the world says nothing",
    () =>
      against({ serve: reluctant(300) }, ({ socket }) =>
        Effect.gen(function*() {
          yield* socket.reader
          const writer = yield* socket.writer
          yield* writer.write(new Uint8Array(65_536))
          assert.strictEqual(yield* Clock.currentTimeMillis, 0)
          yield* writer.write(new Uint8Array(1))
          assert.strictEqual(yield* Clock.currentTimeMillis, 300)
        }))
  )

  inSimulatedTime(
    "wakes a waiting writer with an error when the peer is gone",
    () =>
      against({ serve: () => Effect.sleep(40), windowBytes: 1 }, ({ socket }) =>
        Effect.gen(function*() {
          yield* socket.reader
          const writer = yield* socket.writer
          assert.strictEqual(
            yield* failure(writer.write("too much")),
            "40 SocketWriteError EPIPE: the peer has closed the connection"
          )
        }))
  )
})

describe("closing a simulated connection", () => {
  /** A server that reads to the end and then says when that was, and how. */
  const reporting = Effect.map(Deferred.make<string>(), (ended) => ({
    ended: Deferred.await(ended),
    serve: (({ socket }) =>
      socket.reader.pipe(
        Effect.flatMap(({ pull }) => failure(Effect.forever(pull, { disableYield: true }))),
        Effect.flatMap((said) => Deferred.succeed(ended, said))
      )) satisfies SimulatedServer.Serve
  }))

  inSimulatedTime(
    "tells the server one latency after the client closed, and what was sent before still arrives",
    () =>
      Effect.gen(function*() {
        const said = yield* Deferred.make<ReadonlyArray<string>>()
        const serve: SimulatedServer.Serve = Effect.fnUntraced(function*({ socket }) {
          const reader = yield* socket.reader
          const text = yield* reads(reader, 1)
          yield* Deferred.succeed(said, [...text, yield* failure(reader.pull)])
        })
        yield* against({ serve, latencyMs: 10 }, ({ socket }) =>
          Effect.gen(function*() {
            yield* socket.reader
            const writer = yield* socket.writer
            yield* writer.write("bye")
            yield* Effect.sleep(2)
          }).pipe(
            Effect.scoped,
            Effect.andThen(Deferred.await(said)),
            Effect.map((lines) => assert.deepStrictEqual(lines, ["10 bye", "12 SocketCloseError 1000"]))
          ))
      })
  )

  inSimulatedTime("half-closes when the writer is released, and reads on", () =>
    Effect.gen(function*() {
      const serve: SimulatedServer.Serve = Effect.fnUntraced(function*({ socket }) {
        const reader = yield* socket.reader
        const writer = yield* socket.writer
        assert.deepStrictEqual(yield* reads(reader, 1), ["10 question"])
        assert.strictEqual(yield* failure(reader.pull), "10 SocketCloseError 1000")
        yield* Effect.sleep(30)
        yield* writer.write("answer")
      })
      yield* against({ serve, latencyMs: 10 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          yield* Effect.scoped(Effect.flatMap(socket.writer, (writer) => writer.write("question")))
          assert.deepStrictEqual(yield* reads(reader, 1), ["50 answer"])
          assert.strictEqual(yield* failure(reader.pull), "50 SocketCloseError 1000")
        }))
    }))

  inSimulatedTime(
    "takes a server that fails because the client has ended for a polite one",
    () =>
      against({ serve: SimulatedServer.echo, latencyMs: 10 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          yield* Effect.scoped(Effect.flatMap(socket.writer, (writer) => writer.write("last words")))
          yield* Effect.sleep(100)
          assert.deepStrictEqual(yield* reads(reader, 1), ["100 last words"])
          assert.strictEqual(yield* failure(reader.pull), "100 SocketCloseError 1000")
        }))
  )

  inSimulatedTime(
    "refuses a write after the write side was ended",
    () =>
      against({}, ({ socket }) =>
        Effect.gen(function*() {
          yield* socket.reader
          const writer = yield* Effect.scoped(socket.writer)
          assert.strictEqual(yield* failure(writer.write("x")), "0 SocketWriteError EPIPE: the write side was ended")
        }))
  )

  inSimulatedTime("ends the client, once it has read everything, when the server ends", () =>
    Effect.gen(function*() {
      const closed: Array<number> = []
      const serve: SimulatedServer.Serve = Effect.fnUntraced(function*({ socket }) {
        const writer = yield* socket.writer
        yield* writer.write("all there is")
      })
      yield* against({ serve, latencyMs: 10 }, (dialed) =>
        Effect.gen(function*() {
          const network = yield* SimulatedNetwork.SimulatedNetwork
          const clock = yield* Clock.Clock
          dialed.onClose(() => closed.push(clock.currentTimeMillisUnsafe()))
          const reader = yield* dialed.socket.reader
          yield* Effect.sleep(50)
          assert.strictEqual(yield* network.openSockets, 1)
          assert.deepStrictEqual(yield* reads(reader, 1), ["50 all there is"])
          yield* network.assertNothingOpen
          const writer = yield* dialed.socket.writer
          assert.strictEqual(
            yield* failure(writer.write("x")),
            "50 SocketWriteError EPIPE: the peer has closed the connection"
          )
        }))
      assert.deepStrictEqual(closed, [50])
    }))

  inSimulatedTime("closes on a close event, cleanly or with its code", () =>
    Effect.gen(function*() {
      for (
        const [code, said] of [[1000, "SocketCloseError 1006"], [
          1011,
          "SocketReadError closed with code 1011"
        ]] as const
      ) {
        const { ended, serve } = yield* reporting
        const startMs = yield* Clock.currentTimeMillis
        yield* against({ serve, latencyMs: 10 }, ({ socket }) =>
          Effect.gen(function*() {
            const { pull } = yield* socket.reader
            const writer = yield* socket.writer
            yield* writer.write(new Socket.CloseEvent(code))
            assert.strictEqual(yield* failure(pull), `${startMs} ${said}`)
            assert.strictEqual(yield* ended, `${startMs + 10} SocketCloseError 1000`)
          }))
      }
    }))
})

describe("resetting a simulated connection", () => {
  const resetAt = (atMs: number): SimulatedServer.Serve =>
    Effect.fnUntraced(function*({ reset, socket }) {
      const writer = yield* socket.writer
      yield* writer.write("never read")
      yield* Effect.sleep(atMs)
      yield* reset
      return yield* Effect.never
    })

  inSimulatedTime(
    "fails what reads, loses what was not read, and ends the client",
    () =>
      against({ serve: resetAt(30), latencyMs: 10 }, (dialed) =>
        Effect.gen(function*() {
          const network = yield* SimulatedNetwork.SimulatedNetwork
          let closes = 0
          dialed.onClose(() => closes++)
          yield* Effect.sleep(39)
          assert.strictEqual(yield* network.openSockets, 1)
          yield* Effect.sleep(2)
          // Nobody has read: a pool hears of it all the same.
          assert.strictEqual(closes, 1)
          assert.deepStrictEqual((yield* network.timeline).at(-1), {
            atMs: 40,
            event: "closed",
            address: "192.0.2.1",
            port: 443
          })
          const reader = yield* dialed.socket.reader
          assert.strictEqual(
            yield* failure(reader.pull),
            "41 SocketReadError ECONNRESET: the server reset the connection"
          )
          const writer = yield* dialed.socket.writer
          assert.strictEqual(
            yield* failure(writer.write("x")),
            "41 SocketWriteError ECONNRESET: the peer has reset the connection"
          )
          yield* writer.write(new Socket.CloseEvent())
          assert.match(
            yield* failure(reader.pull),
            /^41 SocketReadError ECONNRESET/,
            "it was over, and stays what it was"
          )
          yield* Effect.addFinalizer(() => Effect.sync(() => assert.strictEqual(closes, 1)))
        }))
  )

  inSimulatedTime(
    "comes too late for a client that has closed",
    () =>
      against({ serve: resetAt(30), latencyMs: 10 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          const writer = yield* socket.writer
          yield* Effect.sleep(35)
          yield* writer.write(new Socket.CloseEvent())
          yield* Effect.sleep(15)
          assert.strictEqual(yield* failure(reader.pull), "50 SocketCloseError 1006")
        }))
  )

  inSimulatedTime(
    "wakes a suspended read when the reset arrives",
    () =>
      against({ serve: ({ reset }) => Effect.delay(reset, 30), latencyMs: 10 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          assert.strictEqual(
            yield* failure(reader.pull),
            "40 SocketReadError ECONNRESET: the server reset the connection"
          )
        }))
  )

  for (
    const [what, serve] of [
      ["fails", () => Effect.fail(new Error("out of order"))],
      ["has a bug", () => Effect.die(new Error("out of order"))],
      [
        "fails while it holds the writer",
        ({ socket }) => Effect.andThen(socket.writer, Effect.fail(new Error("out of order")))
      ]
    ] as ReadonlyArray<[string, SimulatedServer.Serve]>
  ) {
    inSimulatedTime(
      `is what a server does that ${what}, and the client learns why`,
      () =>
        against({ serve, latencyMs: 10 }, ({ socket }) =>
          Effect.gen(function*() {
            const reader = yield* socket.reader
            assert.strictEqual(yield* failure(reader.pull), "10 SocketReadError out of order")
          }))
    )
  }
})

describe("upgrading a simulated connection", () => {
  inSimulatedTime(
    "takes the time of the world's handshake, and works once",
    () =>
      against(
        { serve: SimulatedServer.echo, tls: { outcome: "ok", afterMs: 15 } },
        ({ socket }) =>
          Effect.gen(function*() {
            const reader = yield* socket.reader
            yield* reader.upgrade()
            const writer = yield* socket.writer
            yield* writer.write("secret")
            assert.deepStrictEqual(yield* reads(reader, 1), ["15 secret"])
            assert.strictEqual(
              yield* failure(reader.upgrade()),
              "15 SocketUpgradeError the connection was already upgraded"
            )
          })
      )
  )

  inSimulatedTime(
    "closes the connection when the handshake fails",
    () =>
      against(
        { serve: SimulatedServer.echo, tls: { outcome: "fail", afterMs: 15 } },
        ({ socket }) =>
          Effect.gen(function*() {
            const network = yield* SimulatedNetwork.SimulatedNetwork
            const reader = yield* socket.reader
            assert.match(
              yield* failure(reader.upgrade()),
              /^15 SocketUpgradeError 192\.0\.2\.1:443 failed the TLS handshake \(.*ERR_SSL/
            )
            yield* network.assertNothingOpen
          })
      )
  )

  inSimulatedTime(
    "closes the connection when a handshake that stalls is given up",
    () =>
      against({ serve: SimulatedServer.echo, tls: { outcome: "stall" } }, ({ socket }) =>
        Effect.gen(function*() {
          const network = yield* SimulatedNetwork.SimulatedNetwork
          const reader = yield* socket.reader
          yield* Effect.timeoutOrElse(reader.upgrade(), { duration: 100, orElse: () => Effect.void })
          assert.strictEqual(yield* Clock.currentTimeMillis, 100)
          yield* network.assertNothingOpen
        }))
  )
})

describe("the server of a simulated address", () => {
  inSimulatedTime(
    "is silent and reads everything where the world gives none",
    () =>
      against({ windowBytes: 4 }, ({ socket }) =>
        Effect.gen(function*() {
          const reader = yield* socket.reader
          const writer = yield* socket.writer
          yield* Effect.forEach(["more", " than", " a window"], (text) => writer.write(text))
          assert.strictEqual(yield* Clock.currentTimeMillis, 0)
          const said = yield* Effect.timeoutOrElse(reader.pull, {
            duration: 500,
            orElse: () => Effect.succeed("silence")
          })
          assert.strictEqual(said, "silence")
        }))
  )

  inSimulatedTime("is started for each connection, and ends with the network", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const serve: SimulatedServer.Serve = () =>
        Effect.gen(function*() {
          const clock = yield* Clock.Clock
          log.push(`${clock.currentTimeMillisUnsafe()} serving`)
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`${clock.currentTimeMillisUnsafe()} stopped`)))
          return yield* Effect.never
        })
      yield* against({ afterMs: 5, serve }, () => Effect.andThen(Effect.scoped(dial), Effect.sleep(10)))
      assert.deepStrictEqual(log, ["5 serving", "10 serving", "20 stopped", "20 stopped"])
    }))
})
