import * as NetAddress from "effect/net/NetAddress"
import {
  AllAttemptsFailed,
  AttemptFailed,
  type ConnectErrorReason,
  NoAddresses,
  type Pending,
  ResolutionFailed,
  TimedOut
} from "../ConnectError.ts"
import type { ConnectEvent } from "../ConnectEvent.ts"
import type { Settings } from "../ConnectOptions.ts"
import type * as Target from "../Target.ts"

/**
 * Says from its events why a connect failed.
 *
 * @internal
 */
export const reasonFrom = (
  events: ReadonlyArray<ConnectEvent>,
  target: Target.Target,
  settings: Settings,
  timedOut: boolean
): ConnectErrorReason => {
  const attempts: Array<AttemptFailed> = []
  const pending: Array<Pending> = []
  const startedAtMs = new Map<number, number>()
  const congested = new Set<number>()
  for (const event of events) {
    switch (event._tag) {
      case "AttemptStarted":
        startedAtMs.set(event.attempt, event.atMs)
        break
      case "Congested":
        congested.add(event.attempt)
        break
      case "AttemptFailed":
        attempts[event.attempt] = new AttemptFailed({
          endpoint: event.endpoint,
          startedAtMs: startedAtMs.get(event.attempt) ?? event.atMs,
          endedAtMs: event.atMs,
          kind: event.failure.kind,
          code: event.failure.code,
          cause: event.failure.cause
        })
        break
      case "AttemptInterrupted":
        pending.push({
          endpoint: event.endpoint,
          startedAtMs: startedAtMs.get(event.attempt) ?? event.atMs,
          congested: congested.has(event.attempt)
        })
        break
    }
  }
  const failed = attempts.filter((attempt) => attempt !== undefined)
  const resolution = failedAnswers(events)
  if (timedOut) return new TimedOut({ timeoutMs: settings.timeout, attempts: failed, pending, resolution })
  return failed.length === 0
    ? new NoAddresses({ resolution, detail: whyNone(events, target, settings) })
    : new AllAttemptsFailed({ attempts: failed, resolution })
}

const failedAnswers = (events: ReadonlyArray<ConnectEvent>): ReadonlyArray<ResolutionFailed> =>
  events.flatMap((event) =>
    event._tag === "Answered" && event.answer._tag === "Failed"
      ? [
        new ResolutionFailed({
          owner: event.answer.owner,
          type: event.answer.type,
          atMs: event.atMs,
          error: event.answer.error
        })
      ]
      : []
  )

const whyNone = (
  events: ReadonlyArray<ConnectEvent>,
  { at }: Target.Target,
  { family }: Settings
): string | undefined => {
  if (at._tag === "Addresses") {
    const [first] = at.addresses
    return first === undefined || family === undefined
      ? undefined
      : `${NetAddress.formatIp(first.address)} is ${NetAddress.familyOf(first.address)}, and only ${family} is allowed`
  }
  const answers = events.flatMap((event) => event._tag === "Answered" ? [event.answer] : [])
  if (answers.length === 0) return "the resolver ended without an answer"
  const unusable = answers.flatMap((answer) => answer._tag === "Addresses" ? answer.addresses : [])
  return unusable.length === 0
    ? undefined
    : `the resolver answered ${NetAddress.formatIp(unusable[0]!)}, which cannot be connected to`
}
