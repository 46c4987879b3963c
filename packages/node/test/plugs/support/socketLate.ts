/**
 * A way to a server that is slow to open: the first connections get through with
 * the SYN that is sent again a second after the first.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Net from "node:net"
import { Worker } from "node:worker_threads"
import * as Resources from "../../fixtures/Resources.ts"
import { until } from "./socket.ts"

// It listens, and blocks before it accepts anybody. Then it passes on what it hears.
const listener = `
  const { workerData: { host, to, gate }, parentPort } = require("node:worker_threads")
  const net = require("node:net")
  const server = net.createServer((client) => {
    const server = net.connect(to, "127.0.0.1")
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on("error", () => {}).once("close", () => other.destroy()).pipe(other)
    }
  })
  server.listen({ host, port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(gate, 0, 0)
  })`

export interface Late {
  readonly port: number
  /** Opens the way when somebody has waited there for so long. */
  readonly openAfter: (ms: number) => Effect.Effect<void>
}

export const make = (host: string, to: number): Effect.Effect<Late, never, Scope.Scope> =>
  Effect.gen(function*() {
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const release = () => {
      Atomics.store(gate, 0, 1)
      Atomics.notify(gate, 0)
    }
    const { fillers, port } = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const worker = new Worker(listener, { eval: true, workerData: { host, to, gate } })
        const [port] = await once(worker, "message") as [number]
        const fillers = [0, 1].map(() => Net.connect({ host, port }).on("error", () => {}).unref())
        await Promise.all(fillers.map((filler) => once(filler, "connect")))
        return { worker, port, fillers }
      }),
      ({ fillers, worker }) =>
        Effect.promise(async () => {
          for (const filler of fillers) filler.destroy()
          release()
          await worker.terminate()
        })
    )
    return {
      port,
      openAfter: (ms) =>
        until(() => Resources.connectingTo(port) > 0).pipe(
          Effect.andThen(Effect.sleep(ms)),
          Effect.andThen(Effect.sync(() => {
            for (const filler of fillers) filler.destroy()
            release()
          }))
        )
    }
  })
