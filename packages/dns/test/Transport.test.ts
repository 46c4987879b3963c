import { assert, describe, it } from "@effect/vitest"
import { Dialer, HappyEyeballs, Resolver } from "@happy-eyeballs/core"
import { VirtualTime } from "@happy-eyeballs/core/testing"
import {
  Authentication,
  ByteStreams,
  Datagrams,
  Frames,
  Message,
  StreamTransport,
  UdpTransport
} from "@happy-eyeballs/dns"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import type { Transport } from "@happy-eyeballs/dns/Transport"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { type Connection, fakeNetwork, type FakeServer, idOf } from "./support/network.ts"

const address = NetAddress.inetAddressFromStringUnsafe("192.0.2.53:53")
const place = "192.0.2.53:53"
const ask = (name: string, type = 1): Message.Question => ({ name: Host.domainNameFromStringUnsafe(name), type })
const www = ask("www.example")

const zone = Zone.fromLinesUnsafe(
  Array.from({ length: 300 }, (_, i) => `n${i}.example. 60 IN A 192.0.2.1`).concat([
    "www.example. 60 IN A 192.0.2.80",
    "many.example. 60 IN A 192.0.2.81"
  ])
)
const answer = (query: Uint8Array): Uint8Array => Zone.answer(zone, query) ?? new Uint8Array()
const patched = (bytes: Uint8Array, at: number, ...values: ReadonlyArray<number>): Uint8Array => {
  const copy = bytes.slice()
  copy.set(values, at)
  return copy
}

const racer = HappyEyeballs.HappyEyeballs.layer.pipe(Layer.provide([
  Layer.succeed(Resolver.Resolver, { resolve: () => Stream.empty }),
  Layer.succeed(Dialer.Dialer, { dial: () => Effect.die("no dialer is needed") })
]))

type Use<A, E> = (transport: Transport, network: ReturnType<typeof fakeNetwork>) => Effect.Effect<A, E>

/** Runs questions over a transport in virtual time; the log ends with what is left open. */
const run = <A, E>(server: FakeServer, kind: "udp" | "tcp" | "tls", use: Use<A, E>) => {
  const network = fakeNetwork({ [place]: server })
  const exit = VirtualTime.run(
    Effect.scoped(Effect.gen(function*() {
      const random = yield* SecureRandom
      const happyEyeballs = yield* HappyEyeballs.HappyEyeballs
      const streams = yield* ByteStreams.ByteStreams
      const datagrams = yield* Datagrams.Datagrams
      const timeout = Duration.seconds(5)
      const security = { authentication: Authentication.system, alpn: ["dot"] }
      const stream = yield* StreamTransport.make({
        streams,
        happyEyeballs,
        random,
        address,
        timeout,
        security: kind === "tls" ? security : undefined
      })
      const udp = UdpTransport.make({ datagrams, random, address, tcp: stream, timeout })
      return yield* use(kind === "udp" ? udp : stream, network)
    })).pipe(Effect.provide([racer, network.layer]))
  )
  assert.strictEqual(network.open(), 0, "sockets left open")
  return { exit, log: network.log, queries: network.queries }
}

const summary = (exit: Exit.Exit<{ readonly message: Message.Message; readonly transport: string }, unknown>) =>
  Exit.match(exit, {
    onSuccess: ({ message, transport }) => `${transport}: ${message.answers.map(Message.formatData).join(" ")}`,
    onFailure: (cause) =>
      cause.reasons.map((reason) => reason._tag === "Fail" ? String((reason.error as Error).message) : reason._tag)
        .join()
  })

describe("UdpTransport", () => {
  const udp = (server: FakeServer) => {
    const { exit, ...rest } = run(server, "udp", (transport) => transport.exchange(www))
    return { result: summary(exit), ...rest }
  }

  it("asks and takes the answer", () => {
    const { log, result } = udp({ udp: (query) => [[20, answer(query)]] })
    assert.strictEqual(result, "udp: 192.0.2.80")
    assert.deepStrictEqual(log, [
      `0 udp ${place} open`,
      `0 udp ${place} < A www.example.`,
      `20 udp ${place} close`
    ])
  })

  it("sends again after 1 s and after 2 s more, and gives up after 5 s", () => {
    const { log, result } = udp({})
    assert.strictEqual(result, "udp://192.0.2.53:53 did not answer in 5s")
    assert.deepStrictEqual(log.filter((line) => line.includes("<")).map((line) => Number.parseInt(line, 10)), [
      0,
      1000,
      3000
    ])
    assert.strictEqual(log.at(-1), `5000 udp ${place} close`)
  })

  it("takes an answer to the first datagram after it has sent a second", () => {
    assert.strictEqual(udp({ udp: (query, nth) => nth === 0 ? [[1500, answer(query)]] : [] }).result, "udp: 192.0.2.80")
  })

  it.each<[string, (reply: Uint8Array, query: Uint8Array) => Uint8Array]>([
    ["another id", (reply) => patched(reply, 0, 0xff, 0xff)],
    ["another question", (_, query) => answer(patched(query, 13, 120))],
    ["another type", (reply) => patched(reply, 26, 28)],
    ["no response", (reply) => patched(reply, 2, 0)],
    ["a header alone", (reply) => reply.subarray(0, 12)],
    ["seven bytes", (reply) => reply.subarray(0, 7)],
    ["a malformed record", (reply) => reply.subarray(0, reply.length - 1)],
    ["counts of 65 535", (reply) => patched(reply, 6, 255, 255, 255, 255, 255, 255)],
    ["nothing", () => new Uint8Array()]
  ])("passes over a forged reply with %s and takes the right one after it", (_, forge) => {
    const { result } = udp({ udp: (query) => [[1, forge(answer(query), query)], [20, answer(query)]] })
    assert.strictEqual(result, "udp: 192.0.2.80")
  })

  it("asks over TCP when somebody is guessing ids", () => {
    const guesses = (query: Uint8Array) =>
      Array.from({ length: 20 }, (_, i) => [1, patched(answer(query), 0, 0xee, i)] as const)
    const { log, result } = udp({
      udp: (query) => [...guesses(query), [20, answer(query)]],
      stream: (query, connection) => connection.send(5, answer(query))
    })
    assert.strictEqual(result, "tcp: 192.0.2.80")
    assert.include(log, `1 udp ${place} close`)
  })

  it("asks over TCP when the answer is truncated, also in the middle of a record", () => {
    const truncated = (query: Uint8Array) => patched(answer(query), 2, 0x83)
    for (const reply of [truncated, (query: Uint8Array) => truncated(query).subarray(0, 40)]) {
      const { result } = udp({
        udp: (query) => [[1, reply(query)]],
        stream: (query, { send }) => send(5, answer(query))
      })
      assert.strictEqual(result, "tcp: 192.0.2.80")
    }
  })

  it("fails at once when the system says that the port is closed", () => {
    const { log, result } = udp({ udpFails: "Refused" })
    assert.strictEqual(result, "udp://192.0.2.53:53 refused the query (ECONNREFUSED)")
    assert.strictEqual(log.at(-1), `0 udp ${place} close`)
  })

  it("asks a second time without EDNS after FORMERR, and from then on at once", () => {
    const old = (query: Uint8Array) =>
      Message.decode(query).pipe((message) => message._tag === "Success" && message.success.edns !== undefined)
        ? Reply.encode({ id: idOf(query), question: undefined, rcode: 1 })
        : answer(query)
    const { exit, queries } = run(
      { udp: (query) => [[10, old(query)]] },
      "udp",
      (transport) => Effect.andThen(transport.exchange(www), transport.exchange(www))
    )
    assert.strictEqual(summary(exit), "udp: 192.0.2.80")
    assert.deepStrictEqual(queries.map((query) => query[11]), [1, 0, 0])
  })

  it("keeps EDNS for a server whose FORMERR has another cause", () => {
    const { queries } = run(
      { udp: (query) => [[10, Reply.encode({ id: idOf(query), question: undefined, rcode: 1 })]] },
      "udp",
      (transport) => Effect.andThen(transport.exchange(www), transport.exchange(www))
    )
    assert.deepStrictEqual(queries.map((query) => query[11]), [1, 0, 1, 0])
  })

  it("uses another id for every query", () => {
    const { queries } = run(
      { udp: (query) => [[1, answer(query)]] },
      "udp",
      (transport) => Effect.repeat(transport.exchange(www), { times: 49 })
    )
    assert.isAbove(new Set(queries.map(idOf)).size, 45)
  })

  it("closes its socket when it is interrupted", () => {
    const { log } = run(
      {},
      "udp",
      (transport) => Effect.timeoutOption(transport.exchange(www), 300)
    )
    assert.strictEqual(log.at(-1), `300 udp ${place} close`)
  })
})

describe("StreamTransport", () => {
  const inOrder = (query: Uint8Array, { send }: Connection) => send(10, answer(query))
  const all = (transport: Transport, count: number) =>
    Effect.forEach(
      Array.from({ length: count }, (_, i) => ask(`n${i}.example`)),
      (question) => Effect.map(transport.exchange(question), ({ message }) => message.answers[0]?.owner),
      { concurrency: "unbounded" }
    )

  it("carries many questions on one connection and takes the answers in any order", () => {
    const { exit, log, queries } = run(
      { stream: (query, { nth, send }) => send(1000 - nth, answer(query)) },
      "tcp",
      (transport) => all(transport, 100)
    )
    assert.deepStrictEqual(exit, Exit.succeed(Array.from({ length: 100 }, (_, i) => `n${i}.example.`)))
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 1)
    assert.strictEqual(new Set(queries.map(idOf)).size, 100)
  })

  it("sends no more than 100 at once", () => {
    const { log } = run({ stream: inOrder }, "tcp", (transport) => all(transport, 250))
    const at = (ms: number) => log.filter((line) => line.startsWith(`${ms} tcp`) && line.includes("<")).length
    assert.deepStrictEqual([at(0), at(10), at(20)], [100, 100, 50])
  })

  it("takes messages in any pieces", () => {
    const drip = (query: Uint8Array, { sendRaw }: Connection) => {
      for (const [index, byte] of Frames.frame(answer(query)).entries()) sendRaw(index, Uint8Array.of(byte))
    }
    assert.strictEqual(
      summary(run({ stream: drip }, "tcp", (transport) => transport.exchange(www)).exit),
      "tcp: 192.0.2.80"
    )
  })

  it("asks again on a new connection what a closing server has not answered", () => {
    const server: FakeServer = {
      stream: (query, { close, index, nth, send }) => {
        if (index > 0 || nth === 0) send(10, answer(query))
        if (index === 0) close(20)
      }
    }
    const { exit, log } = run(server, "tcp", (transport) => all(transport, 3))
    assert.deepStrictEqual(exit, Exit.succeed(["n0.example.", "n1.example.", "n2.example."]))
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 2)
  })

  it("gives a server that answers only the first of several fewer and fewer at once", () => {
    const server: FakeServer = {
      stream: (query, { close, nth, send }) => {
        if (nth === 0) send(1, answer(query))
        else close(2)
      }
    }
    const { exit, log } = run(server, "tcp", (transport) => Effect.map(all(transport, 60), (owners) => owners.length))
    assert.deepStrictEqual(exit, Exit.succeed(60))
    // Sixty at once, over and over, would be 1 830.
    assert.isBelow(log.filter((line) => line.includes(" < ")).length, 200)
  })

  it("fails when two connections in a row close without an answer", () => {
    const { exit, log } = run({ stream: (_, { close }) => close(5) }, "tcp", (transport) => transport.exchange(www))
    assert.strictEqual(summary(exit), "tcp://192.0.2.53:53 closed the connection without an answer")
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 2)
  })

  it("does not use a connection again that was silent until the timeout", () => {
    const server: FakeServer = { stream: (query, { index, send }) => index === 0 ? undefined : send(10, answer(query)) }
    const { exit, log } = run(
      server,
      "tcp",
      (transport) => Effect.andThen(Effect.exit(transport.exchange(www)), transport.exchange(www))
    )
    assert.strictEqual(summary(exit), "tcp: 192.0.2.80")
    assert.include(log, `5000 tcp ${place} #0 close`)
  })

  it("takes a connection that lost a question among others out of use, and sends fewer at once", () => {
    const server: FakeServer = {
      stream: (query, { index, nth, send }) => index === 0 && nth === 1 ? undefined : send(10, answer(query))
    }
    const { exit, log } = run(server, "tcp", (transport) =>
      Effect.gen(function*() {
        const [first, second] = yield* Effect.all([
          Effect.exit(transport.exchange(ask("n0.example"))),
          Effect.exit(transport.exchange(ask("n1.example")))
        ], { concurrency: "unbounded" })
        yield* all(transport, 100)
        return [Exit.isSuccess(first), Exit.isSuccess(second)]
      }))
    assert.deepStrictEqual(exit, Exit.succeed([true, false]))
    assert.include(log, `5000 tcp ${place} #0 close`)
    assert.strictEqual(log.filter((line) => line.startsWith("5000") && line.includes("#1 <")).length, 50)
  })

  it("takes no answer to a question that was given up for the answer to another", () => {
    const held: Array<Uint8Array> = []
    const server: FakeServer = {
      stream: (query, { nth, send }) => {
        held.push(query)
        if (nth === 0) send(500, answer(query))
        else send(1000, answer(query))
      }
    }
    const { exit } = run(
      server,
      "tcp",
      (transport) =>
        Effect.andThen(
          Effect.timeoutOption(transport.exchange(ask("n1.example")), 100),
          transport.exchange(ask("n2.example"))
        )
    )
    assert.strictEqual(Exit.isSuccess(exit) ? exit.value.message.question?.name : "", "n2.example.")
    assert.notStrictEqual(idOf(held[0] ?? new Uint8Array()), idOf(held[1] ?? new Uint8Array()))
  })

  it("passes over an answer to another question, though the id is right", () => {
    const server: FakeServer = {
      stream: (query, { send }) => {
        send(1, answer(patched(query, 13, 120)))
        send(5, answer(query))
      }
    }
    assert.strictEqual(summary(run(server, "tcp", (transport) => transport.exchange(www)).exit), "tcp: 192.0.2.80")
  })

  it("does not take late answers to questions that were given up for a flood", () => {
    const { log } = run({ stream: inOrder }, "tcp", (transport) =>
      Effect.gen(function*() {
        const impatient = Effect.timeoutOption(transport.exchange(www), 5)
        yield* Effect.repeat(Effect.all(Array.from({ length: 50 }, () => impatient), { concurrency: "unbounded" }), {
          times: 30
        })
        yield* transport.exchange(www)
      }))
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 1)
  })

  it("connects once for all who wait, also when the first of them is interrupted", () => {
    const { exit, log } = run({ connectMs: 100, stream: inOrder }, "tcp", (transport) =>
      Effect.gen(function*() {
        const leader = yield* Effect.forkChild(transport.exchange(www))
        const follower = yield* Effect.forkChild(transport.exchange(www))
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(leader)
        return yield* Fiber.join(follower)
      }))
    assert.strictEqual(summary(exit), "tcp: 192.0.2.80")
    assert.deepStrictEqual(log.filter((line) => !line.includes("close")), [
      `100 tcp ${place} #0 open`,
      `100 tcp ${place} #0 < A www.example.`
    ])
  })

  it("stops connecting when all who waited have gone", () => {
    const { log } = run(
      { connectMs: 100, stream: inOrder },
      "tcp",
      (transport) => Effect.andThen(Effect.timeoutOption(transport.exchange(www), 50), Effect.sleep(1000))
    )
    assert.deepStrictEqual(log, [])
  })

  it("closes an idle connection after 10 s, or sooner where the server says so", () => {
    const idle = (reply: (query: Uint8Array) => Uint8Array) =>
      run(
        { stream: (query, { send }) => send(10, reply(query)) },
        "tcp",
        (transport) => Effect.andThen(transport.exchange(www), Effect.sleep(60_000))
      ).log.at(-1)
    assert.strictEqual(idle(answer), `10010 tcp ${place} #0 close`)
    const keepalive = Reply.opt([{ code: 11, data: Uint8Array.of(0, 20) }])
    const question = { name: "www.example.", type: 1 }
    assert.strictEqual(
      idle((query) => Reply.encode({ id: idOf(query), question, additionals: [keepalive] })),
      `2010 tcp ${place} #0 close`
    )
  })

  it("gives a typed error for a malformed answer and goes on using the connection", () => {
    const server: FakeServer = {
      stream: (query, { nth, send }) => send(1, nth === 0 ? patched(answer(query), 7, 9) : answer(query))
    }
    const { exit, log } = run(
      server,
      "tcp",
      (transport) =>
        Effect.flatMap(
          Effect.flip(transport.exchange(www)),
          (error) => Effect.map(transport.exchange(www), () => error.message)
        )
    )
    assert.deepStrictEqual(
      exit,
      Exit.succeed(
        "tcp://192.0.2.53:53 sent no valid answer (malformed message: counts that the length cannot hold at byte 4)"
      )
    )
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 1)
  })

  it("closes a connection that floods it with what it did not ask for", () => {
    const flood = Reply.concat(Array.from({ length: 2000 }, () => Frames.frame(new Uint8Array(12))))
    const { exit } = run(
      { stream: (_, { sendRaw }) => sendRaw(1, flood) },
      "tcp",
      (transport) => transport.exchange(www)
    )
    assert.strictEqual(summary(exit), "tcp://192.0.2.53:53 closed the connection without an answer")
  })

  it("asks a second time without EDNS after FORMERR, on the same connection, and from then on at once", () => {
    const old: FakeServer = {
      stream: (query, { send }) =>
        send(10, query[11] === 1 ? Reply.encode({ id: idOf(query), question: undefined, rcode: 1 }) : answer(query))
    }
    const { exit, log, queries } = run(
      old,
      "tcp",
      (transport) => Effect.andThen(transport.exchange(www), transport.exchange(www))
    )
    assert.strictEqual(summary(exit), "tcp: 192.0.2.80")
    assert.deepStrictEqual(queries.map((query) => query[11]), [1, 0, 0])
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 1)
  })

  it("pads over TLS and not over TCP", () => {
    const lengths = (kind: "tcp" | "tls") =>
      run({ stream: inOrder }, kind, (transport) => transport.exchange(www)).queries.map(({ length }) => length)
    assert.deepStrictEqual([lengths("tls"), lengths("tcp")], [[128], [40]])
  })

  it("sends no question to a server that proves nothing, and says what it found", () => {
    const { exit, log, queries } = run({ connectFails: "Tls" }, "tls", (transport) => transport.exchange(www))
    assert.strictEqual(summary(exit), "tls://192.0.2.53:53 could not be verified: has the wrong key")
    assert.deepStrictEqual([log, queries], [[], []])
  })

  it("says that a server cannot be reached", () => {
    const { exit } = run({ connectFails: "Refused" }, "tcp", (transport) => transport.exchange(www))
    assert.strictEqual(summary(exit), "tcp://192.0.2.53:53 cannot be reached (ECONNREFUSED)")
  })

  it("leaves nothing open wherever in a question it is interrupted", () => {
    for (const ms of [0, 1, 50, 99, 100, 101, 105, 109, 110, 111]) {
      const { log } = run(
        { connectMs: 100, stream: inOrder },
        "tls",
        (transport) => Effect.timeoutOption(transport.exchange(www), ms)
      )
      assert.strictEqual(
        log.filter((line) => line.endsWith("open")).length,
        log.filter((line) => line.endsWith("close")).length
      )
    }
  })
})
