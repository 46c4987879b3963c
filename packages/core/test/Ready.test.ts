import { assert, describe, it } from "@effect/vitest"
import { ConnectError, Dialer, Endpoint, HappyEyeballs, Ready } from "@happy-eyeballs/core"
import { SimulatedNetwork, type SimulatedServer, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"

const { HappyEyeballs: Service } = HappyEyeballs
const { SimulatedNetwork: Network } = SimulatedNetwork

/** Runs a program in virtual time and checks that nothing stays open. */
const onNetwork = <A, E>(
  network: World.World["network"],
  program: Effect.Effect<
    A,
    E,
    HappyEyeballs.HappyEyeballs | Dialer.Dialer | SimulatedNetwork.SimulatedNetwork | Scope.Scope
  >
) =>
  VirtualTime.runUnsafe(
    Effect.scoped(program).pipe(
      Effect.tap(() => Effect.flatMap(Network, (network) => network.assertNothingOpen)),
      Effect.provide(Service.layer.pipe(Layer.provideMerge(SimulatedNetwork.layer({ network }))))
    )
  )

/** A server that says some lines, each when it has heard one, and then listens. */
const talker = (...lines: ReadonlyArray<string>): SimulatedServer.Serve =>
  Effect.fnUntraced(function*({ socket }) {
    const pull = yield* Socket.readerString(socket)
    const { write } = yield* socket.writer
    for (const [index, line] of lines.entries()) {
      if (index > 0) yield* pull
      if (line !== "") yield* write(line)
    }
    return yield* Effect.forever(pull, { disableYield: true })
  })

/** Reads until what was read fits. */
const readUntil = Effect.fnUntraced(
  function*(pull: Effect.Effect<ReadonlyArray<string>, Socket.SocketError>, end: RegExp) {
    let text = ""
    while (!end.test(text)) text += (yield* pull).join("")
    return text
  }
)

/** RFC 5321, section 4.3.1: a server that is willing says 220 first. */
const banner = Effect.fnUntraced(function*({ socket, unread }: Ready.Opening) {
  const pull = yield* Socket.readerString(socket)
  const text = yield* readUntil(pull, /\r\n$/)
  unread(text)
  return text.startsWith("220") ? text.trim() : yield* Effect.fail(new Error(text.trim()))
})

/** The protocol's SSLRequest: S says that TLS comes next. What else was said is nobody's before it. */
const sslRequest = Effect.fnUntraced(function*({ socket }: Ready.Opening) {
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer
  yield* write(Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47))
  const [first] = yield* pull
  const answer = typeof first === "string" ? first : new TextDecoder().decode(first)
  return answer === "S" || answer === "N" ? answer : yield* Effect.fail(new Error(`no PostgreSQL: ${answer}`))
})

const endpoint: Endpoint.Endpoint = {
  address: NetAddress.inetAddressFromStringUnsafe("192.0.2.1:587"),
  tls: undefined,
  host: undefined,
  payload: undefined
}

const accept = { outcome: "accept", afterMs: 10 } as const
const both = ["192.0.2.1:587", "192.0.2.2:587"]

describe("Ready.connect", () => {
  it("goes on to the next address where one accepts and then says nothing", () => {
    onNetwork(
      { "192.0.2.1": accept, "192.0.2.2": { ...accept, serve: talker("220 mail.example ESMTP\r\n") } },
      Effect.gen(function*() {
        const { connection, ready } = yield* Ready.connect(both, banner)
        assert.strictEqual(ready, "220 mail.example ESMTP")
        assert.strictEqual(Endpoint.format(connection.endpoint), "192.0.2.2:587")
        assert.deepStrictEqual(
          connection.report.attempts.map(({ address, endedAtMs, outcome }) => `${endedAtMs} ${outcome} ${address}`),
          ["260 interrupted 192.0.2.1", "260 connected 192.0.2.2"]
        )
        assert.strictEqual(connection.report.winner?.address, "192.0.2.2")
        const network = yield* Network
        assert.deepStrictEqual(
          (yield* network.timeline).map(({ address, atMs, event }) => `${atMs} ${event} ${address}`),
          [
            "0 open 192.0.2.1",
            "10 connected 192.0.2.1",
            "250 open 192.0.2.2",
            "260 connected 192.0.2.2",
            "260 closed 192.0.2.1"
          ]
        )
      })
    )
  })

  it("gives the winner every byte that ready did not keep, in order", () => {
    onNetwork(
      { "192.0.2.1": { ...accept, serve: talker("220 mail.example\r\n250 more", "bye") } },
      Effect.gen(function*() {
        const ways: Record<string, (opening: Ready.Opening) => Effect.Effect<unknown, unknown, Scope.Scope>> = {
          "nothing read": () => Effect.void,
          "all put back": ({ socket, unread }) =>
            Effect.flatMap(Socket.readerString(socket), (pull) => Effect.map(pull, ([text]) => unread(text))),
          "put back in pieces, the last first": ({ socket, unread }) =>
            Effect.flatMap(Socket.readerString(socket), (pull) =>
              Effect.map(pull, ([text]) => {
                unread(text.slice(9))
                unread(text.slice(0, 9))
              })),
          "the first line kept": ({ socket, unread }) =>
            Effect.flatMap(
              Socket.readerString(socket),
              (pull) => Effect.map(pull, ([text]) => unread(text.slice(text.indexOf("\n") + 1)))
            ),
          "read twice": ({ socket, unread }) =>
            Effect.flatMap(Socket.readerString(socket), (pull) =>
              Effect.gen(function*() {
                const [text] = yield* pull
                unread(text)
                const again = (yield* pull).join("")
                assert.strictEqual(again, text)
                unread(again)
              })),
          "a reader and a writer of a scope of its own": ({ socket, unread }) =>
            Effect.scoped(Effect.gen(function*() {
              const pull = yield* Socket.readerString(socket)
              yield* socket.writer
              unread((yield* pull).join(""))
            }))
        }
        for (const [way, ready] of Object.entries(ways)) {
          const { connection } = yield* Ready.connect("192.0.2.1:587", ready)
          const heard = yield* Effect.gen(function*() {
            const pull = yield* Socket.readerString(connection.socket)
            const { write } = yield* connection.socket.writer
            const first = yield* readUntil(pull, /more$/)
            yield* write("go on\r\n")
            return [first, yield* readUntil(pull, /bye$/)]
          }).pipe(Effect.scoped)
          assert.deepStrictEqual(heard, [
            way === "the first line kept" ? "250 more" : "220 mail.example\r\n250 more",
            "bye"
          ], way)
        }
      })
    )
  })

  it("lets ready ask first, and leaves the upgrade to the winner", () => {
    onNetwork(
      {
        "192.0.2.1": { ...accept, serve: talker("", "HTTP/1.1 400 Bad Request") },
        "192.0.2.2": { ...accept, serve: talker("", "S", "T"), tls: { outcome: "ok", afterMs: 30 } }
      },
      Effect.gen(function*() {
        const { connection, ready } = yield* Ready.connect(["192.0.2.1:5432", "192.0.2.2:5432"], sslRequest)
        assert.strictEqual(ready, "S")
        const { pull, upgrade } = yield* connection.socket.reader
        const { write } = yield* connection.socket.writer
        yield* upgrade()
        yield* write("startup")
        assert.deepStrictEqual((yield* pull).map((chunk) => new TextDecoder().decode(chunk as Uint8Array)), ["T"])
      })
    )
  })

  it("drops what was given back at an upgrade, because it came in clear text", () => {
    onNetwork(
      { "192.0.2.1": { ...accept, serve: talker("220 injected", "through TLS") } },
      Effect.gen(function*() {
        const { connection } = yield* Ready.connect(
          "192.0.2.1:587",
          ({ socket, unread }) =>
            Effect.flatMap(Socket.readerString(socket), (pull) => Effect.map(pull, ([text]) => unread(text)))
        )
        const { pull, upgrade } = yield* connection.socket.reader
        const { write } = yield* connection.socket.writer
        yield* upgrade()
        yield* write("x")
        assert.strictEqual(new TextDecoder().decode((yield* pull)[0] as Uint8Array), "through TLS")
      })
    )
  })

  it("counts a failure of ready as the attempt's, with its kind, its code and its cause", () => {
    const endsWith = (serve: SimulatedServer.Serve) => ({ ...accept, serve })
    const refusal = Object.assign(new Error("nobody home"), { code: "ECONNREFUSED" })
    const denied = new Dialer.DialFailed({ endpoint, kind: "Denied", code: undefined })
    const untrusted = new Socket.SocketError({
      reason: new Socket.SocketUpgradeError({ cause: new Error("no trust") })
    })
    const reads: (opening: Ready.Opening) => Effect.Effect<unknown, unknown, Scope.Scope> = ({ socket }) =>
      Effect.flatMap(socket.reader, ({ pull }) => Effect.forever(pull))
    const upgrades: typeof reads = ({ socket }) => Effect.flatMap(socket.reader, ({ upgrade }) => upgrade())
    const table: ReadonlyArray<
      readonly [World.Behaviour, typeof reads, kind: string, code: string | undefined, message: RegExp]
    > = [
      [endsWith(talker("554 no\r\n")), banner, "Unknown", undefined, /failed \(.*554 no/],
      [accept, () => Effect.fail(refusal), "Refused", "ECONNREFUSED", /refused/],
      [accept, () => Effect.fail(denied), "Denied", undefined, /denied/],
      [accept, () => Effect.fail("not even an error"), "Unknown", undefined, /failed/],
      [endsWith(() => Effect.void), reads, "Unknown", undefined, /closed before it was ready/],
      [endsWith(({ reset }) => reset), reads, "Reset", "ECONNRESET", /reset/],
      [{ ...accept, tls: { outcome: "fail" } }, upgrades, "Tls", "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", /TLS/],
      [accept, () => Effect.fail(untrusted), "Tls", undefined, /TLS.*no trust/],
      [accept, reads, "Timeout", "ETIMEDOUT", /timed out .*after 500 ms/]
    ]
    for (const [behaviour, ready, kind, code, message] of table) {
      onNetwork(
        { "192.0.2.1": behaviour },
        Effect.gen(function*() {
          const error = yield* Effect.flip(Ready.connect("192.0.2.1:587", ready, { attemptTimeout: 500 }))
          assert.isTrue(error.reason instanceof ConnectError.AllAttemptsFailed)
          const [attempt] = (error.reason as ConnectError.AllAttemptsFailed).attempts
          assert.deepStrictEqual([attempt?.kind, attempt?.code], [kind, code] as never)
          assert.match(error.message, message)
        })
      )
    }
  })

  it("ends the race at once where ready has a bug", () => {
    onNetwork(
      { "192.0.2.1": accept, "192.0.2.2": accept },
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Ready.connect(both, () => Effect.die("a bug")))
        assert.isTrue(Exit.hasDies(exit))
        const network = yield* Network
        assert.strictEqual((yield* network.timeline).filter(({ event }) => event === "open").length, 1)
      })
    )
  })

  it("keeps what ready opened as long as the connection, and closes the losers' at once", () => {
    onNetwork(
      { "192.0.2.1": accept, "192.0.2.2": { ...accept, serve: talker("220 ok\r\n") } },
      Effect.gen(function*() {
        const open = new Set<string>()
        const scope = yield* Scope.make()
        yield* Ready.connect(both, (opening) => {
          const name = Endpoint.format(opening.endpoint)
          return Effect.andThen(
            Effect.acquireRelease(Effect.sync(() => open.add(name)), () => Effect.sync(() => open.delete(name))),
            banner(opening)
          )
        }).pipe(Scope.provide(scope))
        assert.deepStrictEqual([...open], ["192.0.2.2:587"])
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual([...open], [])
      })
    )
  })

  it("leaves nothing open, and nothing in a scope that lives on, however it ends", () => {
    onNetwork(
      { "192.0.2.1": accept, "192.0.2.2": { ...accept, serve: talker("220 ok\r\n") } },
      Effect.gen(function*() {
        const network = yield* Network
        const scope = yield* Scope.make()
        const size = () =>
          scope.state._tag === "Open" ? scope.state.finalizers?.size ?? (scope.state.finalizer ? 1 : 0) : 0
        for (const atMs of [0, 5, 10, 100, 250, 255, 259]) {
          const fiber = yield* Effect.forkChild(Scope.provide(Ready.connect(both, banner), scope))
          yield* Effect.sleep(atMs)
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual([yield* network.openSockets, size()], [0, 0], `interrupted at ${atMs} ms`)
        }
        yield* Effect.exit(Scope.provide(Ready.connect("192.0.2.1:587", banner, { timeout: 50 }), scope))
        assert.deepStrictEqual([yield* network.openSockets, size()], [0, 0], "timed out")
        for (let n = 0; n < 20; n++) {
          const { connection } = yield* Scope.provide(Ready.connect(both, banner), scope)
          const closing = Effect.callback<void>((resume) => connection.onClose(() => resume(Effect.void)))
          const { write } = yield* Effect.scoped(Effect.andThen(connection.socket.reader, connection.socket.writer))
          yield* Effect.ignore(write(new Socket.CloseEvent()))
          yield* closing
        }
        assert.deepStrictEqual([yield* network.openSockets, size()], [0, 0], "closed by itself")
      })
    )
  })

  it("gives the winner's reader once, as any connection does", () => {
    onNetwork(
      { "192.0.2.1": { ...accept, serve: talker("220 ok\r\n") } },
      Effect.gen(function*() {
        const { connection } = yield* Ready.connect("192.0.2.1:587", banner)
        yield* Effect.scoped(connection.socket.reader)
        const { reason } = yield* Effect.flip(Effect.scoped(connection.socket.reader))
        assert.strictEqual(reason._tag, "SocketOpenError")
        assert.match(String(reason.cause), /acquired before/)
      })
    )
  })
})

describe("Ready.dial", () => {
  it("acquires a reader once, for ready and for the winner, and releases it with either's end", () =>
    VirtualTime.runUnsafe(Effect.gen(function*() {
      const log: Array<string> = []
      const inner = Socket.make({
        reader: Effect.acquireRelease(
          Effect.sync(() => {
            log.push("acquired")
            return { pull: Effect.never, upgrade: Socket.SocketUpgradeError.unsupported }
          }),
          () => Effect.sync(() => log.push("released"))
        ),
        writer: Effect.die("not asked for")
      })
      const dialled = Ready.dial(
        (endpoint: Endpoint.Endpoint) =>
          Effect.succeed({ endpoint, socket: inner, native: "mine", onClose: () => {} } as const),
        ({ native, socket, unread }) =>
          Effect.gen(function*() {
            yield* Effect.scoped(socket.reader)
            for (const chunk of ["b", "", "a"]) unread(chunk)
            return native
          })
      )(endpoint)
      const read = Effect.gen(function*() {
        const { connection, ready } = yield* dialled
        assert.strictEqual(ready, "mine")
        yield* Effect.scoped(Effect.gen(function*() {
          const { pull } = yield* connection.socket.reader
          assert.deepStrictEqual(yield* pull, ["a", "b"])
        }))
        log.push("read")
      })
      yield* Effect.scoped(read)
      assert.deepStrictEqual(log.splice(0), ["acquired", "released", "read"])
      yield* Effect.scoped(Effect.andThen(dialled, Effect.sync(() => log.push("not read"))))
      assert.deepStrictEqual(log, ["acquired", "not read", "released"])
    })))

  it("makes a dialer under which every connect waits until it is ready", () => {
    const readyDialer = Layer.effect(
      Dialer.Dialer,
      Effect.map(Dialer.Dialer, (dialer) => {
        const dial = Ready.dial(dialer.dial, banner)
        return Dialer.Dialer.of({ dial: (endpoint) => Effect.map(dial(endpoint), ({ connection }) => connection) })
      })
    )
    const network = { "192.0.2.1": accept, "192.0.2.2": { ...accept, serve: talker("220 ok\r\n") } }
    const address = VirtualTime.runUnsafe(
      Effect.flatMap(Service, ({ connect }) => connect(both)).pipe(
        Effect.map(({ report }) => report.winner?.address),
        Effect.scoped,
        Effect.provide(
          Service.layer.pipe(Layer.provide(readyDialer), Layer.provide(SimulatedNetwork.layer({ network })))
        )
      )
    )
    assert.strictEqual(address, "192.0.2.2")
  })
})
