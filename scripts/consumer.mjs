// A stranger's program: built packages, no source condition, no workspace.
import * as Core from "@happy-eyeballs/core"
import { SimulatedNetwork } from "@happy-eyeballs/core/testing"
import * as Dns from "@happy-eyeballs/dns"
import { HappyEyeballsLive, NodeHappyEyeballs } from "@happy-eyeballs/node"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import * as net from "node:net"

const server = net.createServer((socket) => socket.on("error", () => {}).end("220 ready\r\n"))
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const { port } = server.address()

const program = Effect.scoped(NodeHappyEyeballs.connect(`127.0.0.1:${port}`)).pipe(
  Effect.map(({ report }) => report.winner.address),
  Effect.provide(HappyEyeballsLive)
)

assert.equal(await Effect.runPromise(program), "127.0.0.1")
assert.ok(!import.meta.resolve("@happy-eyeballs/core").endsWith(".ts"), "the built output, not the sources")
assert.equal(typeof Core.Race.staggered, "function")
assert.equal(typeof Dns.StubResolver, "object")
assert.equal(typeof SimulatedNetwork.layer, "function")
await assert.rejects(import("@happy-eyeballs/core/internal/journal"), /ERR_PACKAGE_PATH_NOT_EXPORTED|not exported|not defined/)
server.close()
console.log(`installed packages connect under Node ${process.version}`)
