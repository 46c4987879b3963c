import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import { createTransport } from "nodemailer"
import * as NodeMail from "../../src/NodeMail.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { layerNames, leavesNothing, settled, until } from "./support/socket.ts"
import * as Smtp from "./support/socketSmtp.ts"

const host = "dual.example"
const auth = { user: "me", pass: "secret" }
const mail = { from: "me@mail.example", to: "you@mail.example", text: "Hello" }

const transportOf = (ports: readonly [implicit: number, startTls: number], options: NodeMail.Options = {}, own = {}) =>
  Effect.map(
    NodeMail.getSocket({ implicitTlsPort: ports[0], startTlsPort: ports[1], ...options }),
    (getSocket) => createTransport({ host, auth, tls: { ca: Certificates.ca }, getSocket, ...own })
  )

const conversation = ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
const implicitly = conversation.map((verb) => `TLS ${verb}`)
const upgraded = ["clear EHLO", "clear STARTTLS", ...implicitly]

const at = (...addresses: ReadonlyArray<string>) => Effect.provide(layerNames(() => ({ [host]: addresses })))

describe("NodeMail.getSocket", () => {
  it.live("prefers the port that speaks TLS at once, though its first address does not answer", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const implicit = yield* Smtp.make({ host: "127.0.0.2", implicitTls: true, heard })
      const startTls = yield* Smtp.make({ host: "127.0.0.2", implicitTls: false, heard })
      const hole = yield* BlackHole.make("127.0.0.3", implicit.port)
      yield* Effect.gen(function*() {
        const transport = yield* transportOf([implicit.port, startTls.port], { connectionAttemptDelay: 100 })
        const started = performance.now()
        yield* settled(() => transport.sendMail(mail))
        const elapsed = performance.now() - started
        assert.isTrue(elapsed >= 100 && elapsed < 1000, `${elapsed} ms`)
        assert.deepStrictEqual(heard, implicitly)
      }).pipe(leavesNothing, at(hole.host, "127.0.0.2"))
    }).pipe(Effect.scoped))

  it.live("upgrades on the other port where the first does not answer, and says nothing before", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const startTls = yield* Smtp.make({ host: "127.0.0.2", implicitTls: false, heard })
      const hole = yield* BlackHole.make("127.0.0.2")
      yield* Effect.gen(function*() {
        // What would be clear text, were it up to the transport.
        const own = { ignoreTLS: true, secure: false, port: 25 }
        const transport = yield* transportOf([hole.port, startTls.port], { headStart: 100 }, own)
        const started = performance.now()
        yield* settled(() => transport.sendMail(mail))
        const elapsed = performance.now() - started
        assert.isTrue(elapsed >= 100 && elapsed < 1000, `${elapsed} ms`)
        assert.deepStrictEqual(heard, upgraded)
      }).pipe(leavesNothing, at("127.0.0.2"))
    }).pipe(Effect.scoped))

  it.live("upgrades on the other port at once where the first refuses or cannot be trusted", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const startTls = yield* Smtp.make({ host: "127.0.0.2", implicitTls: false, heard })
      const refused = yield* Servers.refusedPort("127.0.0.2")
      const place = { host: "127.0.0.2", implicitTls: true, heard }
      const stranger = yield* Smtp.make({ ...place, identity: Certificates.wrongName })
      for (const port of [refused, stranger.port]) {
        yield* Effect.gen(function*() {
          const transport = yield* transportOf([port, startTls.port], { headStart: "1 minute" })
          yield* settled(() => transport.sendMail(mail))
          assert.deepStrictEqual(heard.splice(0), upgraded)
        }).pipe(leavesNothing, at("127.0.0.2"))
      }
    }).pipe(Effect.scoped))

  it.live("lets the port that speaks TLS at once win although the other one is faster", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const implicit = yield* Smtp.make({ host: "127.0.0.2", implicitTls: true, heard })
      const startTls = yield* Smtp.make({ host: "127.0.0.2", implicitTls: false, heard })
      // It takes its time before it lets the handshake through.
      const slow = yield* Servers.tcp((client) => {
        setTimeout(() => {
          const server = Net.connect(implicit.port, "127.0.0.2")
          server.on("error", () => {})
          client.once("close", () => server.destroy())
          client.pipe(server).pipe(client)
        }, 400)
      }, { host: "127.0.0.2" })
      yield* Effect.gen(function*() {
        const transport = yield* transportOf([slow.port, startTls.port], { headStart: 2000 })
        yield* settled(() => transport.sendMail(mail))
        assert.deepStrictEqual(heard, implicitly)
      }).pipe(leavesNothing, at("127.0.0.2"))
    }).pipe(Effect.scoped))

  it.live("never says a word in clear text: a stripped offer, or a wrong certificate, is an error", () =>
    Effect.gen(function*() {
      const refused = yield* Servers.refusedPort("127.0.0.2")
      const heard: Array<string> = []
      const place = { host: "127.0.0.2", implicitTls: false, heard }
      const stripped = yield* Smtp.make({ ...place, stripped: true })
      const stranger = yield* Smtp.make({ ...place, identity: Certificates.wrongName })
      for (const [port, code] of [[stripped.port, "ETLS"], [stranger.port, "ESOCKET"]] as const) {
        yield* Effect.gen(function*() {
          const transport = yield* transportOf([refused, port], {}, { opportunisticTLS: true, ignoreTLS: true })
          const error = yield* Effect.flip(settled(() => transport.sendMail(mail)))
          assert.propertyVal(error, "code", code)
          assert.deepStrictEqual(heard.splice(0), ["clear EHLO", "clear STARTTLS"])
        }).pipe(leavesNothing, at("127.0.0.2"))
      }
    }).pipe(Effect.scoped))

  it.live("checks the certificate by the transport's servername on both ports", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const implicit = yield* Smtp.make({ host: "127.0.0.2", implicitTls: true, heard })
      const startTls = yield* Smtp.make({ host: "127.0.0.2", implicitTls: false, heard })
      const refused = yield* Servers.refusedPort("127.0.0.2")
      const alias = "alias.example"
      for (const port of [implicit.port, refused]) {
        yield* Effect.gen(function*() {
          const named = yield* transportOf([port, startTls.port], {}, { host: alias, servername: host })
          yield* settled(() => named.sendMail(mail))
          assert.deepStrictEqual(heard.splice(0), port === implicit.port ? implicitly : upgraded)
          const unnamed = yield* transportOf([port, refused], {}, { host: alias })
          yield* Effect.flip(settled(() => unnamed.sendMail(mail)))
          assert.deepStrictEqual(heard, [])
        }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [alias]: ["127.0.0.2"] }))))
      }
    }).pipe(Effect.scoped))

  it.live("keeps the connections of a pool, and ends them with its scope", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const implicit = yield* Smtp.make({ host: "127.0.0.2", implicitTls: true, heard })
      yield* Effect.gen(function*() {
        const transport = yield* transportOf([implicit.port, 1], {}, { pool: true, maxConnections: 1 })
        for (let n = 0; n < 5; n++) yield* settled(() => transport.sendMail(mail))
        assert.strictEqual(heard.filter((line) => line === "TLS EHLO").length, 1)
        assert.strictEqual(implicit.sockets.size, 1)
      }).pipe(leavesNothing, at("127.0.0.2"))
      yield* until(() => implicit.sockets.size === 0)
    }).pipe(Effect.scoped))

  it.live("fails with a code, and names every address and port", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* Servers.refusedPort("127.0.0.2"), yield* Servers.refusedPort("127.0.0.2")]
      const hole = yield* BlackHole.make("127.0.0.2")
      yield* Effect.gen(function*() {
        const transport = yield* transportOf([one, other])
        const refused = yield* Effect.flip(settled(() => transport.sendMail(mail)))
        assert.propertyVal(refused, "code", "ECONNREFUSED")
        assert.include(refused.message, `127.0.0.2:${one} refused`)
        assert.include(refused.message, `127.0.0.2:${other} refused`)
        const impatient = yield* transportOf([hole.port, one], {}, { connectionTimeout: 50 })
        const late = yield* Effect.flip(settled(() => impatient.sendMail(mail)))
        assert.propertyVal(late, "code", "ETIMEDOUT")
        assert.match(late.message, /timed out after 50 ms/)
      }).pipe(leavesNothing, at("127.0.0.2"))
    }).pipe(Effect.scoped))

  it.live("leaves nothing open when its scope closes in the middle of everything", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const implicit = yield* Smtp.make({ host: "127.0.0.2", implicitTls: true, heard })
      const startTls = yield* Smtp.make({ host: "127.0.0.2", implicitTls: false, heard })
      const hole = yield* BlackHole.make("127.0.0.3", implicit.port)
      for (const addresses of [[hole.host], [hole.host, "127.0.0.2"]]) {
        for (const wait of [0, 5, 20, 50, 100]) {
          const before = Resources.descriptors()
          const scope = yield* Scope.make()
          const racer = yield* Layer.buildWithScope(layerNames(() => ({ [host]: addresses })), scope)
          const transport = yield* transportOf([implicit.port, startTls.port], {
            connectionAttemptDelay: 20,
            headStart: 20
          }).pipe(Effect.provide(racer), Scope.provide(scope))
          const sent = Promise.allSettled(Array.from({ length: 5 }, () => transport.sendMail(mail)))
          yield* Effect.sleep(wait)
          yield* Scope.close(scope, Exit.void)
          yield* Effect.promise(() => sent)
          yield* until(
            () => Resources.descriptors() === before && Resources.connectingTo(implicit.port) === 0,
            `${addresses.length} addresses, ${wait} ms`
          )
        }
      }
    }).pipe(Effect.scoped))
})
