import { assert, describe, it } from "@effect/vitest"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import { NodeNameServer } from "@happy-eyeballs/node"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { createHash, X509Certificate } from "node:crypto"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { root } from "./snippets.ts"

const run = (example: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number; readonly out: string }>((resume) => {
    const child = execFile(
      process.execPath,
      ["--conditions=@happy-eyeballs/source", path.join(root, "examples", example), ...args],
      { cwd: root, timeout: 20_000 },
      (_, stdout, stderr) => resume(Effect.succeed({ code: child.exitCode ?? -1, out: stdout + stderr }))
    )
  })

const listen = Effect.acquireRelease(
  Effect.callback<net.Server>((resume) => {
    const server = net.createServer((socket) => socket.on("error", () => {}).end())
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
)

const certificates = path.join(root, "packages/node/test/fixtures/certificates")

describe("examples", () => {
  it.live("simulated-echo.ts tests a service on a simulated network", () =>
    Effect.map(run("simulated-echo.ts"), ({ code, out }) => assert.strictEqual(code, 0, out)))

  it.live("uncensored.ts connects to a name that only its pinned resolver knows", () =>
    Effect.scoped(Effect.gen(function*() {
      const cert = fs.readFileSync(path.join(certificates, "server.pem"), "utf8")
      const key = fs.readFileSync(path.join(certificates, "server.key"), "utf8")
      const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" })
      const pin = createHash("sha256").update(spki).digest("base64")
      const server = yield* listen
      const { port } = server.address() as net.AddressInfo
      const zone = Zone.fromLinesUnsafe(["uncensored.example. 60 IN A 127.0.0.1"])
      const { tlsPort } = yield* NodeNameServer.run({
        answer: (query, protocol) => protocol === "tls" ? Zone.answer(zone, query) : undefined,
        tls: { key, cert }
      })
      const resolver = (fingerprint: string) => `tls:127.0.0.1:${tlsPort}!key-fp:SHA256:${fingerprint}`
      const found = yield* run("uncensored.ts", resolver(pin), "uncensored.example", String(port), "1")
      assert.deepStrictEqual([found.code, found.out], [0, `Connected to 127.0.0.1:${port}\n`])
      const wrong = createHash("sha256").update("another key").digest("base64")
      const refused = yield* run("uncensored.ts", resolver(wrong), "uncensored.example", String(port))
      assert.notStrictEqual(refused.code, 0)
      assert.notInclude(refused.out, "Connected")
    })))

  it.live("over-https.ts asks a pinned server over HTTPS for a service and its addresses", () =>
    Effect.scoped(Effect.gen(function*() {
      const cert = fs.readFileSync(path.join(certificates, "server.pem"), "utf8")
      const key = fs.readFileSync(path.join(certificates, "server.key"), "utf8")
      const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" })
      const pin = createHash("sha256").update(spki).digest("base64")
      const zone = Zone.fromLinesUnsafe([
        "www.example. 60 IN HTTPS 1 svc.example. alpn=h2,h3 port=8443 ipv4hint=192.0.2.80",
        "www.example. 60 IN A 192.0.2.80"
      ])
      const { httpsPort } = yield* NodeNameServer.run({
        answer: (query, protocol) => protocol === "https" ? Zone.answer(zone, query) : undefined,
        tls: { key, cert }
      })
      const server = `https://127.0.0.1:${httpsPort}/dns-query?pin=sha256/${pin}`
      const { code, out } = yield* run("over-https.ts", server, "www.example")
      assert.strictEqual(code, 0, out)
      assert.deepStrictEqual(out.trim().split("\n").toSorted(), [
        "192.0.2.80",
        "no AAAA: NotFound",
        "svc.example. speaks h2,h3 on port 8443, perhaps at 192.0.2.80"
      ])
    })))
})
