import { assert, describe, it } from "@effect/vitest"
import * as Authentication from "@happy-eyeballs/dns/Authentication"
import { ByteStreams } from "@happy-eyeballs/dns/ByteStreams"
import { frame, Frames } from "@happy-eyeballs/dns/Frames"
import * as Message from "@happy-eyeballs/dns/Message"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as NodeByteStreams from "@happy-eyeballs/node/dns/NodeByteStreams"
import * as NodeStubResolver from "@happy-eyeballs/node/dns/NodeStubResolver"
import * as Effect from "effect/Effect"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import { execFile } from "node:child_process"
import * as Crypto from "node:crypto"
import { once } from "node:events"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import { promisify } from "node:util"
import * as Certificates from "../fixtures/Certificates.ts"

const zone = Zone.fromLinesUnsafe(["www.example. 60 IN A 192.0.2.80"])
const spki = (pem: string) =>
  Crypto.createHash("sha256")
    .update(new Crypto.X509Certificate(pem).publicKey.export({ type: "spki", format: "der" }))
    .digest("base64")

/** A server that answers one question a connection and notes whether its session was resumed. */
const closingServer = Effect.acquireRelease(
  Effect.promise(async () => {
    const resumed: Array<boolean> = []
    const server = Tls.createServer(Certificates.server, (socket) => {
      const frames = new Frames()
      resumed.push(socket.isSessionReused())
      socket.on("error", () => {}).on("data", (chunk) => {
        for (const message of frames.push(chunk)) socket.end(frame(Zone.answer(zone, message) ?? new Uint8Array()))
      })
    })
    server.on("tlsClientError", () => {}).listen(0, "127.0.0.1")
    await once(server, "listening")
    return { server, resumed, port: (server.address() as Net.AddressInfo).port }
  }),
  ({ server }) => Effect.promise(() => new Promise<void>((resolve) => server.close(() => resolve())))
)

const ask = Effect.flatMap(
  StubResolver,
  (stub) => stub.query({ name: Host.domainNameFromStringUnsafe("www.example"), type: 1 }, { refresh: true })
)

describe("NodeByteStreams", () => {
  it.live("resumes a session after its key was verified, and the answer counts though no certificate is shown", () =>
    Effect.scoped(Effect.gen(function*() {
      const { port, resumed } = yield* closingServer
      const server = `tls://127.0.0.1:${port}?pin=sha256/${spki(Certificates.server.cert)}`
      yield* Effect.provide(Effect.repeat(ask, { times: 3 }), NodeStubResolver.layer([server]))
      assert.deepStrictEqual(resumed, [false, true, true, true])
    })))

  it.live("resumes no session where another proof is asked for", () =>
    Effect.scoped(Effect.gen(function*() {
      const { port, resumed } = yield* closingServer
      const { open } = yield* ByteStreams
      const address = NetAddress.inetAddressFromStringUnsafe(`127.0.0.1:${port}`)
      const endpoint = { address, tls: undefined, host: undefined, payload: undefined }
      const ask = (authentication: Authentication.Authentication) =>
        Effect.scoped(Effect.gen(function*() {
          const { read, write } = yield* open(endpoint, { authentication, alpn: ["dot"] })
          yield* write(
            frame(Message.encode({ name: Host.domainNameFromStringUnsafe("www.example"), type: 1 }, { id: 1 }))
          )
          return yield* read
        }))
      const none = { ...Authentication.system, none: true }
      const digest = new Uint8Array(32)
      yield* ask(none)
      yield* ask(none)
      const error = yield* Effect.flip(ask({ ...Authentication.system, keys: [{ hash: "sha256", digest }] }))
      assert.include(String("cause" in error ? error.cause : ""), "its key is sha256/")
      yield* ask(none)
      assert.deepStrictEqual(resumed.slice(0, 2), [false, true])
      assert.isTrue(resumed.at(-1))
    })).pipe(Effect.provide(NodeByteStreams.layer)))

  it.live.each(["udp", "tcp", "tls", "https"])(
    "lets the process end at once after a question over %s, while its connection is still kept",
    (protocol) =>
      Effect.gen(function*() {
        const script = new URL("./support/one-question.ts", import.meta.url).pathname
        const args = ["--conditions=@happy-eyeballs/source", script, protocol]
        const { stdout } = yield* Effect.promise(() => promisify(execFile)(process.execPath, args, { timeout: 9_000 }))
        const { address, lingeredMs } = JSON.parse(stdout)
        assert.strictEqual(address, "192.0.2.80")
        assert.isBelow(lingeredMs, 1000)
      })
  )
})
