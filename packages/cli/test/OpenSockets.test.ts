import { assert, describe, it } from "@effect/vitest"
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import * as Net from "node:net"
import * as DemoNetwork from "../src/demo/DemoNetwork.ts"
import * as OpenSockets from "../src/OpenSockets.ts"
import { attempt, failed, won } from "./reports.ts"

const members: ReadonlyArray<DemoNetwork.Member> = [{ address: "127.0.0.1", role: "good" }]

const open = (port: number, host = "127.0.0.1") =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const socket = Net.connect({ host, port }, () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const openUdp = Effect.acquireRelease(
  Effect.callback<Dgram.Socket>((resume) => {
    const socket = Dgram.createSocket("udp4")
    socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
  }),
  (socket) => Effect.sync(() => socket.close())
)

const reportOf = (report: ConnectReport.ConnectReport, port: number): ConnectReport.ConnectReport => ({
  ...report,
  attempts: [attempt(`127.0.0.1:${port}`, 0, 1, report.ok ? "connected" : "failed")]
})

/** Counts what is left over after an act, for a connect to the port that the act is given. */
const leakedAfter = <A>(
  report: ConnectReport.ConnectReport,
  act: (port: number) => Effect.Effect<A, never, Scope.Scope>
) =>
  Effect.gen(function*() {
    const { port } = yield* DemoNetwork.open(members)
    const before = yield* OpenSockets.snapshot
    yield* act(port)
    return yield* OpenSockets.countLeaked(before, reportOf(report, port))
  })

const linux = process.platform === "linux"
if (!linux) console.log("skipped: descriptors are read from /proc, which this system lacks")

describe.runIf(linux)("OpenSockets.countLeaked", () => {
  it.live("counts a socket to an attempted address that is open, and not one that was closed", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* leakedAfter(failed, (port) => open(port)), 1)
      assert.strictEqual(yield* leakedAfter(failed, (port) => Effect.scoped(open(port))), 0)
    }))

  it.live("leaves the winner out", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* leakedAfter(won, (port) => open(port)), 0)
      assert.strictEqual(yield* leakedAfter(won, (port) => Effect.andThen(open(port), open(port))), 1)
    }))

  it.live("leaves out what lookups use: UDP, and TCP to another peer", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* leakedAfter(failed, () => openUdp), 0)
      const elsewhere = Effect.flatMap(DemoNetwork.open(members), ({ port }) => open(port))
      assert.strictEqual(yield* leakedAfter(failed, () => Effect.orDie(elsewhere)), 0)
    }))

  it.live("counts a socket whose connect hangs", () =>
    Effect.gen(function*() {
      const { port } = yield* DemoNetwork.open([{ address: "127.0.0.1", role: "silent" }])
      const before = yield* OpenSockets.snapshot
      const socket = Net.connect({ host: "127.0.0.1", port }).on("error", () => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      // Node opens the descriptor in its next turn.
      yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      assert.strictEqual(yield* OpenSockets.countLeaked(before, reportOf(failed, port)), 1)
      socket.destroy()
      assert.strictEqual(yield* OpenSockets.countLeaked(before, reportOf(failed, port)), 0)
    }))

  it.live("reads IPv6 peers", () =>
    Effect.gen(function*() {
      if (!(yield* DemoNetwork.hasAddress("::1"))) return console.log("skipped: this machine lacks ::1")
      const { port } = yield* DemoNetwork.open([{ address: "::1", role: "good" }])
      const before = yield* OpenSockets.snapshot
      yield* open(port, "::1")
      const report = { ...failed, attempts: [attempt(`[::1]:${port}`, 0, 1, "failed")] }
      assert.strictEqual(yield* OpenSockets.countLeaked(before, report), 1)
    }))
})
