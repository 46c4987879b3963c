/**
 * A connect as rows: one an answer and one an attempt, each with its place in
 * time and its words.
 *
 * What draws them, as text or as a page, decides how they look.
 *
 * @since 0.1.0
 */
import type { ConnectEvent } from "@happy-eyeballs/core/ConnectEvent"
import * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as ReportText from "./ReportText.ts"

/**
 * What a row tells of: an answer, with addresses or without, or an attempt, by
 * how it ended, or that it has not.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "answered" | "unanswered" | "running" | "won" | "failed" | "interrupted"

/**
 * One row. Times are milliseconds since the call of `connect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly kind: Kind
  readonly label: string
  readonly fromMs: number
  readonly toMs: number
  /** When TCP stood and the TLS handshake began. */
  readonly securedFromMs?: number | undefined
  readonly took: string
  readonly note: string
}

/**
 * When the TLS handshakes of attempts began, by the number of the attempt.
 *
 * @category models
 * @since 0.1.0
 */
export type Handshakes = ReadonlyMap<number, number>

const noHandshakes: Handshakes = new Map()

/**
 * Gives the beginnings of TLS handshakes, which a report does not have.
 *
 * @category constructors
 * @since 0.1.0
 */
export const handshakes = (events: ReadonlyArray<ConnectEvent>): Handshakes =>
  new Map(events.flatMap((event) => event._tag === "AttemptSecuring" ? [[event.attempt, event.atMs]] : []))

/**
 * Gives the rows of a report: its answers, then its attempts in start order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReport = (
  report: ConnectReport.ConnectReport,
  handshakes: Handshakes = noHandshakes
): ReadonlyArray<Row> => [
  ...report.resolution.map(answerRow),
  ...report.attempts.map((attempt, number) => attemptRow(attempt, handshakes.get(number)))
]

const answerRow = (answer: ConnectReport.ResolutionReport): Row => ({
  kind: answer.reason === null ? "answered" : "unanswered",
  label: ReportText.answer(answer),
  fromMs: 0,
  toMs: answer.atMs,
  took: ReportText.formatMs(answer.atMs),
  note: ReportText.answerNote(answer)
})

const attemptRow = (attempt: ConnectReport.AttemptReport, securedFromMs: number | undefined): Row => {
  const note = ReportText.attemptNote(attempt)
  return {
    kind: attempt.outcome === "connected" ? "won" : attempt.outcome,
    label: ReportText.endpoint(attempt),
    fromMs: attempt.startedAtMs,
    toMs: attempt.endedAtMs,
    securedFromMs,
    took: ReportText.formatMs(attempt.endedAtMs - attempt.startedAtMs),
    note: securedFromMs === undefined || attempt.outcome === "failed"
      ? note
      : `${note}, TLS ${ReportText.formatMs(attempt.endedAtMs - securedFromMs)}`
  }
}

/**
 * Gives the rows of a connect that goes on, from what has happened until now.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEvents = (events: ReadonlyArray<ConnectEvent>, nowMs: number): ReadonlyArray<Row> => {
  const ended = new Set(events.flatMap((event) => endings.has(event._tag) && "attempt" in event ? event.attempt : []))
  const secured = handshakes(events)
  const { attempts, resolution } = ConnectReport.fromEvents(events)
  return [
    ...resolution.map(answerRow),
    ...attempts.map((attempt, number): Row =>
      ended.has(number)
        ? attemptRow(attempt, secured.get(number))
        : runningRow({ ...attempt, endedAtMs: nowMs }, secured.get(number))
    )
  ]
}

const endings: ReadonlySet<ConnectEvent["_tag"]> = new Set(["AttemptConnected", "AttemptFailed", "AttemptInterrupted"])

const runningRow = (attempt: ConnectReport.AttemptReport, securedFromMs: number | undefined): Row => ({
  ...attemptRow(attempt, securedFromMs),
  kind: "running",
  note: securedFromMs === undefined ? "connecting" : "TLS handshake"
})

/**
 * Gives the time that the rows of reports need, in milliseconds; at least one.
 *
 * @category getters
 * @since 0.1.0
 */
export const spanMs = (reports: ReadonlyArray<ConnectReport.ConnectReport>): number =>
  Math.max(
    1,
    ...reports.flatMap((report) => [
      report.elapsedMs,
      ...report.attempts.map(({ endedAtMs }) => endedAtMs),
      ...report.resolution.map(({ atMs }) => atMs)
    ])
  )
