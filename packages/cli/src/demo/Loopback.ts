/**
 * Listeners on this machine's own addresses, each closed with its scope.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { Worker } from "node:worker_threads"

/**
 * A listener could not be opened: `EADDRINUSE` where the port is taken,
 * `EADDRNOTAVAIL` where this machine lacks the address.
 *
 * @category errors
 * @since 0.1.0
 */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly address: string
  readonly port: number
  readonly code: string
}> {
  override get message(): string {
    return `cannot listen on ${this.address}, port ${this.port} (${this.code})`
  }
}

/**
 * Listens and accepts at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accepting = (address: string, port: number): Effect.Effect<void, ListenFailed, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.callback<{ readonly close: () => void }, ListenFailed>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {}).once("close", () => sockets.delete(socket)).resume()
      })
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      server.once("error", (error: NodeJS.ErrnoException) => {
        resume(Effect.fail(new ListenFailed({ address, port, code: error.code ?? error.message })))
      })
      server.listen({ host: address, port }, () => resume(Effect.succeed({ close })))
    }),
    ({ close }) => Effect.sync(close)
  ))

/**
 * Says whether nothing listens at an address and port, by listening there for a
 * moment. Fails where this machine lacks the address.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFree = (address: string, port: number): Effect.Effect<boolean, ListenFailed> =>
  Effect.scoped(accepting(address, port)).pipe(
    Effect.as(true),
    Effect.catchIf(({ code }) => code === "EADDRINUSE", () => Effect.succeed(false))
  )

/**
 * Listens and does not accept: what connects hangs, until the listener is
 * released.
 *
 * **Details**
 *
 * The listener lives in a worker whose event loop stands still, and its queue
 * of one is full, so that the kernel drops every SYN. After the release a SYN
 * that is sent again gets in: on Linux one second after the first.
 *
 * **Gotchas**
 *
 * A system that answers a full queue with a reset, as Windows does, makes this
 * a listener that refuses.
 *
 * @category constructors
 * @since 0.1.0
 */
export const silent = Effect.fnUntraced(function*(
  address: string,
  port: number
): Effect.fn.Return<{ readonly release: Effect.Effect<void> }, ListenFailed, Scope.Scope> {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const release = Effect.sync(() => {
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
  })
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(listenAndStandStill, { eval: true, workerData: { address, port, gate } })),
    (worker) => Effect.andThen(release, Effect.promise(() => worker.terminate()))
  )
  yield* Effect.callback<void, ListenFailed>((resume) => {
    const fail = (code: string) => resume(Effect.fail(new ListenFailed({ address, port, code })))
    worker.once("message", (code: string) => code === "listening" ? resume(Effect.void) : fail(code))
    worker.once("error", (error) => fail(error.message))
  })
  yield* fillQueue(address, port)
  return { release }
})

// A worker and not this thread, because this one must go on. The message is
// posted before the loop stops: what arrives in between waits in the queue, as
// nothing polls again.
const listenAndStandStill = `
  const { parentPort, workerData: { address, port, gate } } = require("node:worker_threads")
  const server = require("node:net").createServer((socket) => socket.on("error", () => {}).resume())
  server.once("error", (error) => parentPort.postMessage(error.code))
  server.listen({ host: address, port, backlog: 1 }, () => {
    parentPort.postMessage("listening")
    setImmediate(() => Atomics.wait(gate, 0, 0))
  })
`

const nextTurn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const maximumFillers = 16

/** Connects until a connect hangs. */
const fillQueue = Effect.fnUntraced(function*(
  address: string,
  port: number
): Effect.fn.Return<void, never, Scope.Scope> {
  for (let fillers = 0; fillers < maximumFillers; fillers++) {
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => Net.connect({ host: address, port }).on("error", () => {})),
      (socket) => Effect.sync(() => socket.destroy())
    )
    const connected = Effect.callback<boolean>((resume) => {
      socket.once("connect", () => resume(Effect.succeed(true)))
      socket.once("close", () => resume(Effect.succeed(false)))
    })
    // On a busy machine the timer may come with the news of a connect that is long
    // through: only what is silent for a turn more is.
    const hangs = Effect.as(Effect.andThen(Effect.sleep(100), nextTurn), false)
    if (!(yield* Effect.raceFirst(connected, hangs))) {
      socket.destroy()
      return
    }
  }
})
