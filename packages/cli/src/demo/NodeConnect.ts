/**
 * What Node's own `net.connect` does with a name, told as a report, so that it
 * can be drawn beside ours.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Net from "node:net"

/**
 * What Node is asked to connect to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly host: string
  /** Node takes one. */
  readonly port: number
  /** In the order of a lookup: Node takes turns between the families. */
  readonly addresses: ReadonlyArray<string>
  /** When the answer with every address comes: Node asks for both families at once. */
  readonly answeredAfterMs: number
  /** When to stop watching. */
  readonly limitMs: number
}

/**
 * Connects with `autoSelectFamily` and its default timeout, closes the
 * connection, and reports.
 *
 * @category connecting
 * @since 0.1.0
 */
export const connect = (options: Options): Effect.Effect<ConnectReport.ConnectReport> =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.callback<ConnectReport.ConnectReport>((resume) => {
      const startedAt = clock.monotonicTimeNanosUnsafe()
      const now = () => Number((clock.monotonicTimeNanosUnsafe() - startedAt) / 1000n) / 1000
      const attempts: Array<ConnectReport.AttemptReport> = []
      const end = (address: string, change: Partial<ConnectReport.AttemptReport>) => {
        const index = attempts.findLastIndex((attempt) => attempt.address === address)
        const attempt = attempts[index]
        if (attempt !== undefined) attempts[index] = { ...attempt, endedAtMs: now(), ...change }
      }
      const finish = (winner: string | undefined, error: ConnectReport.ConnectReport["error"]) => {
        clearTimeout(answering)
        clearTimeout(watching)
        const elapsedMs = now()
        socket.destroy()
        resume(Effect.succeed({
          ok: winner !== undefined,
          target: { host: options.host, ports: [options.port] },
          winner: winner === undefined ? null : {
            address: winner,
            port: options.port,
            family: Net.isIPv6(winner) ? "IPv6" : "IPv4",
            protocol: "tcp"
          },
          elapsedMs,
          attempts: attempts.map((attempt) =>
            attempt.outcome === "interrupted" ? Object.assign(attempt, { endedAtMs: elapsedMs }) : attempt
          ),
          resolution: [],
          error
        }))
      }
      const fail = (tag: string, reason: string) =>
        finish(undefined, { tag, message: `could not connect to ${options.host}:${options.port}: ${reason}` })

      let answering: NodeJS.Timeout | undefined
      const watching = setTimeout(() => fail("TimedOut", "no end in sight"), options.limitMs)
      const socket = Net.connect({
        host: options.host,
        port: options.port,
        autoSelectFamily: true,
        lookup: (_host, _options, callback) => {
          const addresses = options.addresses.map((address) => ({ address, family: Net.isIPv6(address) ? 6 : 4 }))
          answering = setTimeout(() => callback(null, addresses), options.answeredAfterMs)
        }
      })
      socket.on("connectionAttempt", (address, port) => {
        const startedAtMs = now()
        attempts.push({
          address,
          port,
          startedAtMs,
          endedAtMs: startedAtMs,
          outcome: "interrupted",
          kind: null,
          code: null
        })
      })
      socket.on("connectionAttemptFailed", (address, _port, _family, error: NodeJS.ErrnoException) => {
        const code = error.code ?? null
        end(address, { outcome: "failed", kind: code === "ECONNREFUSED" ? "Refused" : "Unknown", code })
      })
      socket.on("connectionAttemptTimeout", (address) => {
        end(address, { outcome: "failed", kind: "Timeout", code: "ETIMEDOUT" })
      })
      socket.once("error", (error) => fail("AllAttemptsFailed", error.message))
      socket.once("connect", () => {
        const address = socket.remoteAddress ?? ""
        end(address, { outcome: "connected" })
        finish(address, null)
      })
      return Effect.sync(() => {
        clearTimeout(answering)
        clearTimeout(watching)
        socket.destroy()
      })
    }))
