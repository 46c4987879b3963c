import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Net from "node:net"
import * as NodeHappyEyeballs from "../../src/NodeHappyEyeballs.ts"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as Servers from "../fixtures/Servers.ts"
import { heard, leavesNothing, turn } from "./support/socket.ts"

const { factory, make } = NodeLazySocket
const live = NodeHappyEyeballs.layer

/** What can be seen of a socket at one moment. */
const snapshot = (socket: Net.Socket) => ({
  connecting: socket.connecting,
  pending: socket.pending,
  readyState: socket.readyState,
  destroyed: socket.destroyed,
  remote: [socket.remoteAddress, socket.remotePort, socket.remoteFamily],
  local: [socket.localAddress, typeof socket.localPort, socket.localFamily],
  bound: "port" in socket.address(),
  bytesRead: socket.bytesRead,
  // Of what was lost, Node counts some and not some.
  bytesWritten: socket.destroyed && !socket.writableFinished ? "lost" : socket.bytesWritten,
  readable: socket.readable,
  writable: [socket.writable, socket.writableEnded, socket.writableFinished],
  timeout: socket.timeout
})

interface Play {
  readonly serve: (peer: Net.Socket) => void
  readonly script: (socket: Net.Socket, log: Array<unknown>) => void
  readonly allowHalfOpen?: boolean
  /** Nobody listens for data. */
  readonly unread?: boolean
  /** Nobody listens at the port. */
  readonly refused?: boolean
}

/** Writes down what a socket says, until it is closed. */
const story = (socket: Net.Socket, { script, unread }: Play) =>
  Effect.promise(async () => {
    const log: Array<unknown> = [["made", snapshot(socket)]]
    let heard = ""
    for (const event of ["connect", "ready", "end", "finish", "timeout"]) {
      socket.on(event, () => log.push([event, snapshot(socket)]))
    }
    socket.on("error", (error: NodeJS.ErrnoException) => log.push(["error", error.code, snapshot(socket)]))
    if (unread !== true) socket.on("data", (chunk) => heard += String(chunk))
    script(socket, log)
    const hadError = await new Promise((resolve) => socket.once("close", resolve))
    log.push(["close", hadError, snapshot(socket)])
    return [...log, heard]
  })

/** Plays with a socket of Node's and with a lazy one, and gives both stories. */
const bothStories = (port: number, play: Play) =>
  Effect.gen(function*() {
    const lazily = yield* factory
    const { allowHalfOpen = false } = play
    const openers: Record<string, () => Net.Socket> = {
      lazy: () => lazily(`127.0.0.1:${port}`, { allowHalfOpen }),
      node: () => Net.connect({ port, host: "127.0.0.1", allowHalfOpen })
    }
    const stories: Record<string, ReadonlyArray<unknown>> = {}
    for (const [name, open] of Object.entries(openers)) stories[name] = yield* story(open(), play)
    return stories
  })

describe("NodeLazySocket, beside a net.Socket", () => {
  it.live("gives sockets that have what a net.Socket has", () =>
    Effect.gen(function*() {
      const socket = yield* make()
      const documented = [
        ...Object.getOwnPropertyNames(Net.Socket.prototype),
        "connecting",
        "timeout",
        "allowHalfOpen"
      ].filter((name) => !name.startsWith("_"))
      // Newer than the oldest Node that this package runs on.
      const newer = new Set(["setTypeOfService", "getTypeOfService"])
      const missing = documented.filter((name) => !(name in socket) && !newer.has(name))
      assert.deepStrictEqual(missing, [])
    }).pipe(Effect.scoped, Effect.provide(live)))

  const plays: Record<string, Play> = {
    "a conversation that this side ends": {
      serve: Servers.echo,
      script: (socket) => {
        socket.write("hello ")
        socket.setEncoding("utf8").end("world")
      }
    },
    "a conversation that the other side ends": {
      serve: Servers.farewell("bye\n"),
      script: (socket) => socket.write("hello")
    },
    "a half-closed conversation": {
      serve: (peer) => {
        peer.allowHalfOpen = true
        peer.end("first ")
        peer.on("data", () => {})
      },
      script: (socket) => socket.once("end", () => socket.end("still open")),
      allowHalfOpen: true
    },
    "a write after the other side ended": {
      serve: Servers.farewell("bye"),
      script: (socket, log) => {
        const told = (error?: NodeJS.ErrnoException | null) => log.push(["told", error?.code])
        socket.once("end", () => {
          socket.end()
          log.push(["wrote", socket.write("too late", told)])
        })
      }
    },
    "a reset": {
      serve: (peer) => peer.once("data", () => peer.resetAndDestroy()),
      script: (socket) => socket.write("x")
    },
    "a destroy before the connection": {
      serve: Servers.echo,
      script: (socket, log) => {
        socket.write("never sent", (error) => log.push(["write", (error as NodeJS.ErrnoException | null)?.code]))
        socket.destroy()
      }
    },
    "a destroy with an error before the connection": {
      serve: Servers.echo,
      script: (socket) => socket.destroy(Object.assign(new Error("changed my mind"), { code: "MINE" }))
    },
    "a destroy as soon as it is connected": {
      serve: Servers.echo,
      script: (socket) => {
        socket.write("x")
        socket.once("connect", () => socket.destroy())
      }
    },
    "a soft destroy with something to send": {
      serve: Servers.silent,
      script: (socket) => {
        socket.write("x".repeat(100_000))
        socket.destroySoon()
      }
    },
    "a reset of one's own": {
      serve: Servers.echo,
      script: (socket) => socket.once("ready", () => socket.resetAndDestroy())
    },
    "an idle time that runs out while it is connected": {
      serve: Servers.silent,
      script: (socket) => {
        socket.setTimeout(30, () => socket.destroy())
      }
    },
    "an idle time that never runs out, because there is traffic": {
      serve: Servers.silent,
      script: (socket) => {
        socket.setTimeout(200)
        for (const ms of [50, 100, 150, 200, 250]) setTimeout(() => socket.write("x"), ms)
        setTimeout(() => socket.end(), 300)
      }
    },
    "bytes that are read after both sides ended": {
      serve: Servers.farewell("bye"),
      script: (socket) => {
        socket.pause().end("x")
        setTimeout(() => socket.resume(), 50)
      }
    },
    "an end that nobody reads": {
      serve: (peer) => peer.resume().end(),
      script: () => {},
      unread: true
    },
    "an idle time that is called off": {
      serve: Servers.silent,
      script: (socket) => {
        const ended = () => assert.fail("it was called off")
        socket.setTimeout(20, ended)
        socket.setTimeout(0, ended)
        socket.once("connect", () => setTimeout(() => socket.end(), 40))
      }
    },
    "nobody there": { serve: Servers.echo, script: () => {}, refused: true },
    "a write to nobody": {
      serve: Servers.echo,
      script: (socket, log) => {
        socket.write("x", (error) => log.push(["write", (error as NodeJS.ErrnoException | null)?.code]))
        socket.end("y")
      },
      refused: true
    },
    "an end without a word": { serve: Servers.echo, script: (socket) => socket.end() },
    "callbacks of writes and of the end": {
      serve: Servers.echo,
      script: (socket, log) => {
        const told: Array<string> = []
        socket.cork()
        for (const text of ["a", "b", "c"]) socket.write(text, "latin1", () => told.push(text))
        socket.uncork()
        socket.end("d", () => log.push([...told, "ended"]))
      }
    }
  }

  for (const [name, play] of Object.entries(plays)) {
    it.live(`says of ${name} what a net.Socket says`, () =>
      Effect.gen(function*() {
        const port = play.refused === true ? yield* Servers.refusedPort() : (yield* Servers.tcp(play.serve)).port
        const stories = yield* bothStories(port, play)
        assert.deepStrictEqual(stories["lazy"], stories["node"])
        assert.isAbove(stories["node"]!.length, 2)
      }).pipe(leavesNothing, Effect.provide(live)))
  }

  it.live("says nothing any more when it is destroyed, and ends at once when it was never connected", () =>
    Effect.gen(function*() {
      const open = yield* factory
      for (const socket of [open(), new Net.Socket()]) {
        const events: Array<string> = []
        for (const event of ["finish", "timeout", "end"]) socket.on(event, () => events.push(event))
        socket.setTimeout(20).end()
        yield* heard(socket, "finish")
        const closing = heard(socket, "close")
        socket.destroy()
        yield* closing
        yield* Effect.sleep(40)
        assert.deepStrictEqual(events, ["finish"])
      }
    }).pipe(Effect.scoped, Effect.provide(live)))

  it.live("reads nothing while it is paused, from before its connection on", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.farewell("bye"))
      const open = yield* factory
      for (const opened of [() => open(`127.0.0.1:${port}`), () => Net.connect(port, "127.0.0.1")]) {
        const socket = opened().pause()
        yield* heard(socket, "connect")
        for (let i = 0; i < 50; i++) yield* turn
        assert.strictEqual(socket.readableLength, 0)
        assert.deepStrictEqual((yield* Effect.promise(() => socket.toArray())).map(String), ["bye"])
      }
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("closes its descriptor in a reset, also after its end", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp((peer) => {
        peer.allowHalfOpen = true
        peer.resume()
      })
      const socket = yield* make(`127.0.0.1:${port}`)
      yield* heard(socket, "connect")
      const { native } = socket.connection!
      socket.on("error", (error) => assert.fail(error.message)).end()
      // Its end is under way, and not yet done.
      for (let ticks = 0; ticks < 20 && !native.writableEnded; ticks++) {
        yield* Effect.promise(() => new Promise<void>((resolve) => process.nextTick(resolve)))
      }
      assert.deepStrictEqual([native.writableEnded, native.writableFinished], [true, false])
      const closing = heard(socket, "close")
      socket.resetAndDestroy()
      yield* closing
      assert.isTrue(native.closed)
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("refuses a time that is none, as a net.Socket does", () =>
    Effect.gen(function*() {
      const socket = yield* make()
      for (const one of [socket, new Net.Socket()]) {
        for (const time of [-1, Infinity, NaN]) {
          const set = Result.try({ try: () => one.setTimeout(time), catch: (cause) => cause })
          assert.propertyVal(Result.merge(set), "code", "ERR_OUT_OF_RANGE")
        }
      }
    }).pipe(Effect.scoped, Effect.provide(live)))
})
