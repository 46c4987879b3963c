import { assert, describe, it } from "@effect/vitest"
import { HappyEyeballs, Ready } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { once } from "node:events"
import type * as Net from "node:net"
import * as NodeDialer from "../../src/NodeDialer.ts"
import * as NodeHappyEyeballs from "../../src/NodeHappyEyeballs.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Remote from "../fixtures/Remote.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { leavesNothing, turn, until } from "./support/socket.ts"
import * as Postgres from "./support/socketPostgres.ts"

const live = NodeHappyEyeballs.layer

const banner = Effect.fnUntraced(function*({ socket, unread }: Ready.Opening) {
  const pull = yield* Socket.readerString(socket)
  let text = ""
  while (!text.includes("\n")) text += (yield* pull).join("")
  unread(text)
  return text.trim()
})

/** PostgreSQL's SSLRequest, answered with one byte. */
const sslRequest = Effect.fnUntraced(function*({ socket }: Ready.Opening) {
  const pull = yield* Socket.readerBytes(socket)
  const { write } = yield* socket.writer
  yield* write(Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47))
  const [answer] = yield* pull
  return String.fromCharCode(...answer)
})

describe("Ready on sockets", () => {
  it.live("passes a listener that accepts and stalls, and gives the winner the banner again", () =>
    Effect.gen(function*() {
      const stalls = yield* Servers.tcp(Servers.silent)
      const server = yield* Servers.tcp(Servers.smtp, { host: "127.0.0.2" })
      const { connection, ready } = yield* Ready.connect(
        [`127.0.0.1:${stalls.port}`, `127.0.0.2:${server.port}`],
        banner,
        { connectionAttemptDelay: 50 }
      )
      assert.strictEqual(ready, "220 mail.example ESMTP")
      yield* until(() => stalls.sockets.size === 0)
      const native = connection.native as Net.Socket
      yield* Effect.scoped(Effect.gen(function*() {
        const { pull, upgrade } = yield* connection.socket.reader
        const { write } = yield* connection.socket.writer
        const hear = Effect.map(pull, (chunks) => chunks.map(String).join(""))
        assert.strictEqual(yield* hear, "220 mail.example ESMTP\r\n")
        yield* write("STARTTLS\r\n")
        yield* pull
        yield* upgrade({ servername: "dual.example", ca: Certificates.ca })
        yield* write("through TLS")
        assert.strictEqual(String.fromCharCode(...(yield* pull)[0] as Uint8Array), "through TLS")
      }))
      // As with any connection: it ends with the reader of its owner.
      assert.isTrue(native.destroyed)
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("lets ready read Node's own socket, and put back there what is the winner's", () =>
    Effect.gen(function*() {
      const stalls = yield* Servers.tcp(Servers.silent)
      const server = yield* Servers.tcp(Servers.banner("220 mail.example\r\n"), { host: "127.0.0.2" })
      const { connectWith } = yield* HappyEyeballs.HappyEyeballs
      const ready = Ready.dial(NodeDialer.make().dial, ({ native }) =>
        Effect.callback<string>((resume) => {
          const heard = () => {
            const chunk = native.read() as Buffer | null
            if (chunk === null) return
            native.off("readable", heard).unshift(chunk)
            resume(Effect.succeed(String(chunk)))
          }
          native.on("readable", heard)
          return Effect.sync(() => native.off("readable", heard))
        }))
      const won = yield* connectWith([`127.0.0.1:${stalls.port}`, `127.0.0.2:${server.port}`], ready, {
        connectionAttemptDelay: 50
      })
      assert.strictEqual(won.ready, "220 mail.example\r\n")
      const { native } = won.connection
      native.resume()
      const [chunk] = yield* Effect.promise(() => once(native, "data"))
      assert.strictEqual(String(chunk), "220 mail.example\r\n")
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("waits for the greeting of a real PostgreSQL", () =>
    Effect.gen(function*() {
      if (!Postgres.installed) {
        return console.log("skipped: there is no PostgreSQL here (apt-get install postgresql)")
      }
      const { port } = yield* Postgres.make("127.0.0.2")
      const stalls = yield* Servers.tcp(Servers.silent, { port })
      const { connection, ready } = yield* Ready.connect(
        [`127.0.0.1:${stalls.port}`, `127.0.0.2:${port}`],
        sslRequest,
        {
          connectionAttemptDelay: 50
        }
      )
      assert.strictEqual(ready, "S")
      const { upgrade } = yield* connection.socket.reader
      yield* upgrade({ servername: "dual.example", ca: Certificates.ca })
    }).pipe(Effect.scoped, Effect.provide(live)))

  it.live("has nothing open after it was interrupted at random moments", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const scope = yield* Scope.make()
      const before = Resources.descriptors()
      const outcomes = { ready: 0, interrupted: 0 }
      const greeted = Effect.fnUntraced(function*({ socket }: Ready.Opening) {
        const { pull } = yield* socket.reader
        const { write } = yield* socket.writer
        yield* write("anybody?")
        return yield* pull
      })
      for (let i = 0; i < 100; i++) {
        const fiber = yield* Effect.forkChild(
          Scope.provide(
            Ready.connect([`127.0.0.1:${remote.silentPort}`, `127.0.0.1:${remote.port}`], greeted, {
              connectionAttemptDelay: 10
            }),
            scope
          ),
          { startImmediately: true }
        )
        const turns = yield* Random.nextIntBetween(0, 30)
        for (let n = 0; n < turns; n++) yield* turn
        if (yield* Random.nextBoolean) yield* Effect.sleep(yield* Random.nextBetween(0, 25))
        const ended = fiber.pollUnsafe()
        yield* Fiber.interrupt(fiber)
        if (ended?._tag === "Success") (ended.value.connection.native as Net.Socket).destroy()
        outcomes[ended?._tag === "Success" ? "ready" : "interrupted"]++
        assert.strictEqual(Resources.descriptors(), before, `race ${i}`)
      }
      assert.isAbove(outcomes.ready, 5)
      assert.isAbove(outcomes.interrupted, 20)
      yield* until(() => scope.state._tag !== "Open" || scope.state.finalizers?.size === 0)
    }).pipe(Random.withSeed("ready"), Effect.scoped, Effect.provide(live)))
})
