// Run by NodeByteStreams.test.ts: asks one question and has nothing more to do, though its layer is never closed. It
// says how long the process went on all the same.
import * as Message from "@happy-eyeballs/dns/Message"
import * as Resolution from "@happy-eyeballs/dns/Resolution"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import * as NodeStubResolver from "@happy-eyeballs/node/dns/NodeStubResolver"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Host from "effect/net/Host"
import { spawn } from "node:child_process"
import { once } from "node:events"
import type * as Net from "node:net"

const server = spawn(process.execPath, [...process.execArgv, new URL("./name-server.ts", import.meta.url).pathname], {
  stdio: ["pipe", "pipe", "inherit"]
})
const [line] = await once(server.stdout, "data")
const { httpsPort, port, tlsPort } = JSON.parse(String(line))
const protocol = process.argv[2]
const place = protocol === "tls"
  ? `tls://127.0.0.1:${tlsPort}?auth=none`
  : protocol === "https"
  ? `https://127.0.0.1:${httpsPort}/dns-query?auth=none`
  : `${protocol}://127.0.0.1:${port}`

const runtime = ManagedRuntime.make(NodeStubResolver.layer([place]))
const resolution = await runtime.runPromise(
  Effect.flatMap(StubResolver, (stub) => stub.query({ name: Host.domainNameFromStringUnsafe("www.example"), type: 1 }))
)
const [address] = Resolution.wanted(resolution).map(Message.formatData)
// The server goes on until this process has ended, and its end of the connection with it.
server.unref()
for (const stream of [server.stdin, server.stdout]) (stream as Net.Socket).unref()
const done = performance.now()
process.once("exit", () => console.log(JSON.stringify({ address, lingeredMs: performance.now() - done })))
