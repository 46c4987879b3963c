import { endpointOf, type Family, familyOf, isUsable, type Outcome, type Said, type Trial } from "./worlds.ts"

// A second telling of what connecting means, written from the rules and not
// from the library: state, and a list of what may happen now. No fibers, no
// scopes, no queue; the clock visits every instant at which a time that anybody
// counts is over. It imports nothing of the library.

/**
 * Says what a connect must come to, where no two things fall on the same
 * millisecond. Where they do, whoever is told something knows it before acting:
 * answers come first, then ends of attempts, then timers.
 */
export const predict = (trial: Trial): Outcome => play(trial, () => 0, () => true)!

/**
 * Says whether a connect may come to an outcome.
 *
 * It may where some order of the things that fall on the same millisecond leads
 * there: an answer and the end of the wait for it, a success and a timeout, two
 * successes. No rule says which comes first.
 */
export const allows = (trial: Trial, outcome: Outcome): boolean => {
  // Depth first: the same trial again and again, each time with the last choice
  // that has another possibility left changed.
  let script: ReadonlyArray<number> = []
  for (let n = 0; n < 10_000; n++) {
    const made: Array<{ readonly picked: number; readonly choices: number }> = []
    const pick = (choices: number) => {
      const picked = script[made.length] ?? 0
      made.push({ picked, choices })
      return picked
    }
    const reached = play(trial, pick, (attempts) => leadsTo(attempts, outcome))
    if (reached !== undefined && isSame(reached, outcome)) return true
    const last = made.findLastIndex(({ choices, picked }) => picked + 1 < choices)
    if (last === -1) return false
    script = [...made.slice(0, last).map(({ picked }) => picked), made[last]!.picked + 1]
  }
  return false
}

/** Says whether things fall on the same millisecond, so that more than one outcome may be right. */
export const hasTies = (trial: Trial): boolean => {
  let ties = 0
  play(trial, () => ties++ && 0, () => true)
  return ties > 0
}

export const isSame = (self: Outcome, that: Outcome): boolean => JSON.stringify(self) === JSON.stringify(that)

const leadsTo = (attempts: ReadonlyArray<Attempt>, outcome: Outcome): boolean =>
  // Nothing is known of a connect that never ends.
  outcome.end === "WaitsForEver" || attempts.every(({ address, ended, port, startedAtMs }, index) => {
    const seen = outcome.attempts[index]
    return seen !== undefined && seen.endpoint === endpointOf(address, port) && seen.startedAtMs === startedAtMs &&
      (ended === undefined || (seen.endedAtMs === ended.atMs && seen.code === ended.code))
  })

/** Lets a connect happen; `pick` says what comes first in a tie. Gives up where `isPromising` says no. */
const play = (
  trial: Trial,
  pick: (choices: number) => number,
  isPromising: (attempts: ReadonlyArray<Attempt>) => boolean
): Outcome | undefined => {
  const connect = begin(trial)
  for (let now = 0; now < Infinity; now = connect.nextInstant(now)) {
    for (;;) {
      const possible = connect.possible(now)
      const happens = possible[possible.length > 1 ? pick(possible.length) : 0]
      if (happens === undefined) break
      const outcome = happens()
      if (outcome !== undefined) return outcome
      if (!isPromising(connect.attempts)) return undefined
    }
  }
  return { end: "WaitsForEver", elapsedMs: 0, winner: null, attempts: [], resolution: [] }
}

interface Attempt {
  readonly address: string
  readonly port: number
  /** The place of the port in the target. */
  readonly rank: number
  readonly startedAtMs: number
  /** When and how the host answers it. */
  readonly endsAtMs: number
  readonly code: string | null
  ended: { readonly atMs: number; readonly code: string | null } | undefined
}

/** One thing that happens; it gives the outcome where the connect is over by it. */
type Happening = () => Outcome | undefined

const begin = (trial: Trial) => {
  const { list, noRoute, options } = trial
  const asked = (["AAAA", "A"] as const).filter((type) => options.family === null || options.family === ofType[type])
  const unheard = list === null ? trial.answers.filter(({ type }) => asked.includes(type)) : []
  // A type that is never answered leaves the resolver open for ever.
  const silent = list === null && asked.some((type) => unheard.every((answer) => answer.type !== type))
  const ports = [...new Set(trial.ports)]
  // IPv6, unless this host or its user does without.
  const preferred: Family = options.family ?? (noRoute.includes("IPv6") ? "IPv4" : "IPv6")
  const inFlightLimit = options.maxAttemptsInFlight ?? Infinity
  const timeout = options.timeout ?? Infinity
  const attemptTimeout = options.attemptTimeout ?? Infinity
  const delay = options.connectionAttemptDelay
  const headStart = options.headStart ?? delay

  const resolution: Array<string> = []
  const heard = new Map<Family, ReadonlyArray<string>>()
  const attempts: Array<Attempt> = []
  let firstUsableAtMs = Infinity

  const end = (end: Outcome["end"], now: number, winner?: Attempt): Outcome => ({
    end,
    elapsedMs: now,
    winner: winner === undefined ? null : endpointOf(winner.address, winner.port),
    attempts: attempts.map((attempt) => ({
      endpoint: endpointOf(attempt.address, attempt.port),
      startedAtMs: attempt.startedAtMs,
      endedAtMs: attempt.ended?.atMs ?? now,
      outcome: attempt === winner ? "connected" : attempt.ended === undefined ? "interrupted" : "failed",
      code: attempt.ended?.code ?? null
    })),
    resolution
  })

  const inFlight = () => attempts.filter(({ ended }) => ended === undefined)

  const isUnreachable = (address: string) => noRoute.includes(address) || noRoute.includes(familyOf(address))

  const known = (family: Family): ReadonlyArray<string> => {
    const now = heard.get(family) ?? []
    // What was tried and is no longer answered keeps its place in the interleave.
    const gone = attempts.map(({ address }) => address).filter((address) =>
      familyOf(address) === family && !now.includes(address)
    )
    return [...new Set([...gone, ...now])]
  }

  // RFC 8305, section 4: some of the first family, then the families in turn;
  // what cannot be reached goes last.
  const addressesInOrder = (): ReadonlyArray<string> => {
    if (list !== null) {
      return [...new Set(list)].filter((address) => options.family === null || familyOf(address) === options.family)
    }
    const all = [...known(preferred), ...known(preferred === "IPv6" ? "IPv4" : "IPv6")]
    const reachable = all.filter((address) => !isUnreachable(address))
    const first = reachable.filter((address) => familyOf(address) === familyOf(reachable[0]!))
    const second = reachable.slice(first.length)
    const order = first.splice(0, options.firstAddressFamilyCount)
    while (first.length + second.length > 0) order.push(...second.splice(0, 1), ...first.splice(0, 1))
    return [...order, ...all.filter(isUnreachable)]
  }

  const isAnswered = (address: string) => list !== null || heard.get(familyOf(address))?.includes(address) === true

  const untried = (): ReadonlyArray<{ readonly address: string; readonly rank: number }> => {
    if (attempts.length >= options.maxCandidates) return []
    const addresses = addressesInOrder().filter(isAnswered)
    const ranks = ports.map((_, rank) => rank)
    const candidates = options.portOrder === "addressMajor"
      ? addresses.flatMap((address) => ranks.map((rank) => ({ address, rank })))
      : ranks.flatMap((rank) => addresses.map((address) => ({ address, rank })))
    return candidates.filter(({ address, rank }) =>
      !attempts.some((attempt) => attempt.address === address && attempt.rank === rank)
    )
  }

  // `preferFirst`: a later port waits for the failure of all earlier ones, or
  // for its head start after the last of them began.
  const isHeldBack = (rank: number, now: number): boolean => {
    const earlier = attempts.filter((attempt) => attempt.rank < rank)
    return options.portOrder === "preferFirst" &&
      earlier.some(({ ended }) => ended === undefined) &&
      earlier.some(({ startedAtMs }) => now < startedAtMs + headStart)
  }

  // RFC 8305, section 3: the preferred family, whatever it says, ends the wait.
  const mayBegin = (now: number): boolean =>
    list !== null || heard.has(preferred) || now >= firstUsableAtMs + options.resolutionDelay

  const hear = (answer: Said, now: number) => () => {
    unheard.splice(unheard.indexOf(answer), 1)
    const addresses = (answer.addresses ?? []).filter(isUsable)
    heard.set(ofType[answer.type], addresses)
    resolution.push(`${now} ${answer.type}`)
    if (addresses.length > 0) firstUsableAtMs = Math.min(firstUsableAtMs, now)
    return undefined
  }

  const fail = (attempt: Attempt, code: string, now: number) => {
    attempt.ended = { atMs: now, code }
    return undefined
  }

  const start = (now: number): ReadonlyArray<Happening> => {
    const latest = attempts.at(-1)
    if (!mayBegin(now) || inFlight().length >= inFlightLimit) return []
    if (latest !== undefined && latest.ended === undefined && now < latest.startedAtMs + delay) return []
    const next = untried()[0]
    if (next === undefined || isHeldBack(next.rank, now)) return []
    const port = ports[next.rank]!
    return [() => {
      attempts.push({ ...next, port, startedAtMs: now, ended: undefined, ...fateOf(trial, next.address, port, now) })
      return undefined
    }]
  }

  const conclude = (now: number): ReadonlyArray<Happening> => {
    const mayBeMore = attempts.length < options.maxCandidates && (silent || unheard.length > 0)
    if (mayBeMore || inFlight().length > 0 || untried().length > 0) return []
    return [() => end(attempts.length === 0 ? "NoAddresses" : "AllAttemptsFailed", now)]
  }

  return {
    attempts,
    possible: (now: number): ReadonlyArray<Happening> => [
      ...unheard.slice(0, 1).filter(({ atMs }) => atMs <= now).map((answer) => hear(answer, now)),
      ...inFlight().filter(({ endsAtMs }) => endsAtMs <= now).map((attempt) => () =>
        attempt.code === null ? end("Connected", now, attempt) : fail(attempt, attempt.code, now)
      ),
      ...inFlight().filter(({ startedAtMs }) => startedAtMs + attemptTimeout <= now).map((attempt) => () =>
        fail(attempt, "ETIMEDOUT", now)
      ),
      ...now >= timeout ? [() => end("TimedOut", now)] : [],
      ...start(now),
      ...conclude(now)
    ],
    nextInstant: (now: number): number => {
      const instants = [timeout, firstUsableAtMs + options.resolutionDelay, ...unheard.map(({ atMs }) => atMs)]
      for (const { endsAtMs, startedAtMs } of attempts) {
        instants.push(endsAtMs, startedAtMs + delay, startedAtMs + headStart, startedAtMs + attemptTimeout)
      }
      return Math.min(...instants.filter((ms) => ms > now))
    }
  }
}

const ofType = { AAAA: "IPv6", A: "IPv4" } as const

const codes = {
  accept: null,
  refuse: "ECONNREFUSED",
  reset: "ECONNRESET",
  unreachable: "EHOSTUNREACH"
} as const

const fateOf = (
  { hosts, noRoute, options }: Trial,
  address: string,
  port: number,
  now: number
): Pick<Attempt, "endsAtMs" | "code"> => {
  if (noRoute.includes(address) || noRoute.includes(familyOf(address))) return { endsAtMs: now, code: "ENETUNREACH" }
  const fate = hosts[endpointOf(address, port)] ?? hosts[address]
  if (fate === undefined || fate.outcome === "drop" || fate.outcome === "congested") {
    return { endsAtMs: Infinity, code: null }
  }
  const endsAtMs = now + fate.afterMs
  if (fate.outcome !== "accept" || !options.tls) return { endsAtMs, code: codes[fate.outcome] }
  switch (fate.tls.outcome) {
    case "stall":
      return { endsAtMs: Infinity, code: null }
    case "ok":
      return { endsAtMs: endsAtMs + fate.tls.afterMs, code: null }
    case "fail":
      return { endsAtMs: endsAtMs + fate.tls.afterMs, code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE" }
  }
}
