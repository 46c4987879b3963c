import { assert, describe, it } from "@effect/vitest"
import { frame, Frames } from "@happy-eyeballs/dns/Frames"
import * as Message from "@happy-eyeballs/dns/Message"
import { codes } from "@happy-eyeballs/dns/RecordType"
import * as Resolution from "@happy-eyeballs/dns/Resolution"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import { NodeStubResolver } from "@happy-eyeballs/node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Host from "effect/net/Host"
import * as Dgram from "node:dgram"
import { once } from "node:events"
import * as Net from "node:net"
import * as Resources from "../fixtures/Resources.ts"

const zone = Zone.fromLinesUnsafe(["www.example. 60 IN A 192.0.2.80"])
const right = (query: Uint8Array): Uint8Array => Zone.answer(zone, query) ?? new Uint8Array()
const question = { name: "www.example.", type: codes.A }
const idOf = (query: Uint8Array): number => (query[0] ?? 0) << 8 | (query[1] ?? 0)
/** A reply that says what an attacker wants. */
const forged = (query: Uint8Array, changes: Partial<Reply.Reply> = {}): Uint8Array =>
  Reply.encode({
    id: idOf(query),
    question,
    answers: [{ owner: "www.example.", type: codes.A, ttl: 60, data: Uint8Array.of(6, 6, 6, 6) }],
    ...changes
  })
const malformed = (query: Uint8Array, type: number, data: Uint8Array): Uint8Array =>
  forged(query, { answers: [{ owner: "www.example.", type, ttl: 60, data }] })

const attemptTimeout = Duration.millis(400)
const ask = Effect.flatMap(
  StubResolver,
  (stub) => stub.query({ name: Host.domainNameFromStringUnsafe("www.example"), type: codes.A })
)

/** Asks a server once, and sees to it that it takes no longer than it may and that nothing is left open. */
const outcome = (server: string) =>
  Effect.gen(function*() {
    const begun = performance.now()
    const result = yield* Effect.provide(
      Effect.match(ask, {
        onFailure: (error) => `${error.reason}: ${error.message}`,
        onSuccess: (resolution) => Resolution.wanted(resolution).map(Message.formatData).join(" ")
      }),
      NodeStubResolver.layer([server], { attemptTimeout, attempts: 1 }),
      { local: true }
    )
    assert.isBelow(performance.now() - begun, 3_000)
    return result
  })

const udpServer = (handle: (query: Buffer, reply: (bytes: Uint8Array) => void, from: Dgram.RemoteInfo) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = Dgram.createSocket("udp4")
      socket.on("message", (query, from) => handle(query, (bytes) => socket.send(bytes, from.port, from.address), from))
      socket.bind(0, "127.0.0.1")
      await once(socket, "listening")
      return { socket, url: `udp://127.0.0.1:${socket.address().port}` }
    }),
    ({ socket }) => Effect.promise(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  )

const tcpServer = (handle: (query: Uint8Array, socket: Net.Socket) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        const frames = new Frames()
        sockets.add(socket)
        socket.on("error", () => {}).once("close", () => sockets.delete(socket))
        socket.on("data", (chunk) => frames.push(chunk).forEach((query) => handle(query, socket)))
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, sockets, url: `tcp://127.0.0.1:${(server.address() as Net.AddressInfo).port}` }
    }),
    ({ server, sockets }) =>
      Effect.promise(() => {
        for (const socket of sockets) socket.destroy()
        return new Promise<void>((resolve) => server.close(() => resolve()))
      })
  )

/** Runs an attack with a server that goes with it, and looks at what is left. */
const attack = <R>(server: Effect.Effect<{ readonly url: string }, never, R>) =>
  Effect.gen(function*() {
    const before = Resources.descriptors()
    const result = yield* Effect.scoped(Effect.flatMap(server, ({ url }) => outcome(url)))
    assert.strictEqual(Resources.descriptors(), before)
    return result
  })

describe("a hostile server over UDP", () => {
  it.live.each<[string, (query: Buffer) => ReadonlyArray<Uint8Array>]>([
    ["another id", (query) => [forged(query, { id: idOf(query) ^ 1 })]],
    ["another question", (query) => [forged(query, { question: { name: "bank.example.", type: codes.A } })]],
    ["another type", (query) => [forged(query, { question: { ...question, type: codes.AAAA } })]],
    ["no question", (query) => [forged(query, { question: undefined })]],
    ["the query itself", (query) => [query]],
    ["counts of 65 535", (query) => [Reply.concat([Reply.u16(idOf(query), 0x8180), new Uint8Array(8).fill(255)])]],
    ["an address of three bytes", (query) => [malformed(query, codes.A, Uint8Array.of(6, 6, 6))]],
    ["a pointer to itself", (query) => [malformed(query, codes.CNAME, Reply.u16(0xc000 | 41))]],
    ["a pointer into the header", (query) => [malformed(query, codes.CNAME, Reply.u16(0xc000))]],
    [
      "a dot inside a label",
      (query) => [malformed(query, codes.CNAME, Reply.concat([Reply.string("a.b"), Reply.u8(0)]))]
    ],
    ["nothing at all", () => [new Uint8Array()]],
    ["64 KiB of noise", () => [new Uint8Array(65_000).fill(0xc0)]],
    ["ten thousand zero bytes, a hundred times", () => Array.from({ length: 100 }, () => new Uint8Array(10_000))]
  ])("that sends %s first gains nothing: the right answer counts", ([, forge]) =>
    Effect.map(
      attack(udpServer((query, reply) => {
        for (const bytes of forge(query)) reply(bytes)
        setTimeout(() => reply(right(query)), 20)
      })),
      (result) => assert.strictEqual(result, "192.0.2.80")
    ))

  it.live("cannot answer from another port", () =>
    Effect.map(
      Effect.scoped(Effect.flatMap(udpServer(() => {}), ({ socket: other }) =>
        attack(udpServer((query, reply, from) => {
          other.send(forged(query), from.port, from.address)
          setTimeout(() => reply(right(query)), 20)
        })))),
      (result) => assert.strictEqual(result, "192.0.2.80")
    ))

  it.live("that sends nothing else ends in a timeout", () =>
    Effect.map(
      attack(udpServer((query, reply) => reply(forged(query, { id: idOf(query) ^ 1 })))),
      (result) => assert.match(result, /^Timeout: .* did not answer in 400ms$/)
    ))
})

describe("a hostile server over TCP", () => {
  it.live.each<[string, (query: Uint8Array, socket: Net.Socket) => void, RegExp]>([
    ["drips its answer byte by byte", (query, socket) => {
      for (const [index, byte] of frame(right(query)).entries()) {
        setTimeout(() => socket.write(Uint8Array.of(byte)), index * 2)
      }
    }, /^192\.0\.2\.80$/],
    ["answers with other ids and questions first", (query, socket) => {
      socket.write(frame(forged(query, { id: idOf(query) ^ 1 })))
      socket.write(frame(forged(query, { question: { name: "bank.example.", type: codes.A } })))
      socket.write(frame(right(query)))
    }, /^192\.0\.2\.80$/],
    ["promises 65 535 bytes and stops", (_, socket) => socket.write(Uint8Array.of(255, 255, 0)), /^Timeout: /],
    [
      "promises less than it sends",
      (query, socket) => socket.write(Reply.concat([Reply.u16(20), right(query)])),
      /^(Timeout|InvalidResponse|Temporary): /
    ],
    [
      "sends a malformed answer",
      (query, socket) => socket.write(frame(malformed(query, codes.AAAA, Uint8Array.of(1)))),
      /^InvalidResponse: .*RDATA that is too short/
    ],
    [
      "sends counts of 65 535",
      (query, socket) =>
        socket.write(frame(Reply.concat([Reply.u16(idOf(query), 0x8180), new Uint8Array(8).fill(255)]))),
      /^InvalidResponse: /
    ],
    ["sends empty messages without end", (_, socket) => socket.write(new Uint8Array(100_000)), /^Timeout: /],
    [
      "floods with what nobody asked for",
      (_, socket) => socket.write(Reply.concat(Array.from({ length: 5_000 }, () => frame(new Uint8Array(12))))),
      /^Temporary: .*closed the connection/
    ],
    ["closes", (_, socket) => socket.end(), /^Temporary: .*closed the connection without an answer/],
    ["resets", (_, socket) => socket.resetAndDestroy(), /^Temporary: .*closed the connection without an answer/],
    ["says nothing", () => {}, /^Timeout: /]
  ])(
    "that %s gets a typed error or the right answer, in time",
    ([, handle, expected]) => Effect.map(attack(tcpServer(handle)), (result) => assert.match(result, expected))
  )
})
