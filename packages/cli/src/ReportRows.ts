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
  readonly took: string
  readonly note: string
}

/**
 * Gives the rows of a report: its answers, then its attempts in start order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReport = (report: ConnectReport.ConnectReport): ReadonlyArray<Row> => [
  ...report.resolution.map(answerRow),
  ...report.attempts.map(attemptRow)
]

const answerRow = (answer: ConnectReport.ResolutionReport): Row => ({
  kind: answer.reason === null ? "answered" : "unanswered",
  label: ReportText.answer(answer),
  fromMs: 0,
  toMs: answer.atMs,
  took: ReportText.formatMs(answer.atMs),
  note: ReportText.answerNote(answer)
})

const attemptRow = (attempt: ConnectReport.AttemptReport): Row => ({
  kind: attempt.outcome === "connected" ? "won" : attempt.outcome,
  label: ReportText.endpoint(attempt),
  fromMs: attempt.startedAtMs,
  toMs: attempt.endedAtMs,
  took: ReportText.formatMs(attempt.endedAtMs - attempt.startedAtMs),
  note: ReportText.attemptNote(attempt)
})

/**
 * Gives the rows of a connect that goes on, from what has happened until now.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEvents = (events: ReadonlyArray<ConnectEvent>, nowMs: number): ReadonlyArray<Row> => {
  const ended = new Set(events.flatMap((event) => endings.has(event._tag) && "attempt" in event ? event.attempt : []))
  const { attempts, resolution } = ConnectReport.fromEvents(events)
  return [
    ...resolution.map(answerRow),
    ...attempts.map((attempt, number) => ended.has(number) ? attemptRow(attempt) : runningRow(attempt, nowMs))
  ]
}

const endings: ReadonlySet<ConnectEvent["_tag"]> = new Set(["AttemptConnected", "AttemptFailed", "AttemptInterrupted"])

const runningRow = (attempt: ConnectReport.AttemptReport, nowMs: number): Row => ({
  ...attemptRow({ ...attempt, endedAtMs: nowMs }),
  kind: "running",
  note: "connecting"
})

/**
 * Gives the time that the rows of reports need, in milliseconds; at least one.
 *
 * @category getters
 * @since 0.1.0
 */
export const spanMs = (reports: ReadonlyArray<ConnectReport.ConnectReport>): number =>
  Math.max(1, ...reports.flatMap((report) => [report.elapsedMs, ...fromReport(report).map(({ toMs }) => toMs)]))
