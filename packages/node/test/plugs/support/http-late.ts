/**
 * A web server that is slow to accept: its first connections get through with
 * the SYN that is sent again a second after the first, once it is `released`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Net from "node:net"
import { Worker } from "node:worker_threads"

export interface Late {
  readonly port: number
  readonly release: () => void
}

const listener = `
  const { workerData: { host, gate }, parentPort } = require("node:worker_threads")
  const server = require("node:http").createServer((request, response) => {
    response.setHeader("connection", "close")
    response.end("hello from " + request.url)
  })
  server.on("connection", (socket) => socket.on("error", () => {}))
  server.listen({ host, port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(gate, 0, 0)
  })`

const open = async (host: string) => {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const release = () => {
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
  }
  const worker = new Worker(listener, { eval: true, workerData: { host, gate } })
  const [port] = await once(worker, "message") as [number]
  const fillers = [0, 1].map(() => Net.connect({ host, port, autoSelectFamily: false }).on("error", () => {}).unref())
  await Promise.all(fillers.map((filler) => once(filler, "connect")))
  const close = async () => {
    for (const filler of fillers) filler.destroy()
    release()
    await worker.terminate()
  }
  return { port, release, close }
}

export const make = (host: string): Effect.Effect<Late, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(() => open(host)), ({ close }) => Effect.promise(close))
