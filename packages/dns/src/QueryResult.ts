/**
 * The result of one query, as `resolve --json` prints it.
 *
 * The format is a stable interface; it is made from a `Resolution` or from the
 * error that came in its place.
 *
 * @since 0.1.0
 */
import * as JsonSchema from "effect/JsonSchema"
import * as Host from "effect/net/Host"
import * as Schema from "effect/Schema"
import * as Edns from "./Edns.ts"
import * as Message from "./Message.ts"
import * as RecordType from "./RecordType.ts"
import * as Resolution from "./Resolution.ts"
import { toDnsReason } from "./Transport.ts"
import type { Attempt, NoAnswer } from "./Upstream.ts"

const described = (description: string) => ({ description })

const Ms = Schema.Finite.annotate(described("Milliseconds since the query."))

const Reason = Schema.Literals([
  "NotFound",
  "Timeout",
  "Temporary",
  "Refused",
  "ServerFailure",
  "BadName",
  "InvalidResponse",
  "Unsupported",
  "Unknown"
])

/**
 * The format of the result of one query.
 *
 * @category schemas
 * @since 0.1.0
 */
export const QueryResult = Schema.Struct({
  ok: Schema.Boolean,
  name: Schema.String.annotate(described("The name that was asked for, with a final dot.")),
  type: Schema.String,
  rcode: Schema.NullOr(Schema.String),
  records: Schema.Array(Schema.Struct({
    name: Schema.String,
    type: Schema.String,
    ttlSeconds: Schema.Int,
    data: Schema.String.annotate(described("In presentation form."))
  })).annotate(described("The whole alias chain, then the records that were asked for.")),
  server: Schema.NullOr(Schema.String.annotate(described("Scheme, host, port and path, or \"local\"."))),
  transport: Schema.NullOr(Schema.Literals(["udp", "tcp", "tls", "https", "local"])),
  cached: Schema.Boolean,
  stale: Schema.Boolean,
  authenticatedData: Schema.Boolean.annotate(described("The server says that it verified the answer (DNSSEC).")),
  extendedErrors: Schema.Array(Schema.Struct({ code: Schema.Int, text: Schema.String })),
  elapsedMs: Ms,
  attempts: Schema.Array(Schema.Struct({
    server: Schema.String,
    startedAtMs: Ms,
    endedAtMs: Ms,
    outcome: Schema.Literals(["answered", "failed", "interrupted"]),
    reason: Schema.NullOr(Reason)
  })).annotate(described("Every server that was asked, in start order.")),
  error: Schema.NullOr(Schema.Struct({ tag: Schema.String, reason: Schema.NullOr(Reason), message: Schema.String }))
}).annotate({ title: "QueryResult", description: "The result of one query." })

/**
 * The result of one query.
 *
 * @category models
 * @since 0.1.0
 */
export type QueryResult = typeof QueryResult.Type

const nothing = {
  ok: false,
  rcode: null,
  records: [],
  server: null,
  transport: null,
  cached: false,
  stale: false,
  authenticatedData: false,
  extendedErrors: [],
  attempts: []
}

/**
 * Makes the result of a query that was answered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromResolution = (self: Resolution.Resolution, elapsedMs: number): QueryResult => {
  const ok = Resolution.wanted(self).length > 0
  return {
    ...naming(self.question),
    ok,
    rcode: Message.formatRcode(self.rcode),
    records: self.records.map((record) => ({
      name: record.owner,
      type: RecordType.format(record.type),
      ttlSeconds: record.ttl,
      data: Message.formatData(record)
    })),
    server: self.server,
    transport: self.transport,
    cached: self.source === "cache",
    stale: self.stale,
    authenticatedData: self.authenticatedData,
    extendedErrors: self.extendedErrors,
    elapsedMs,
    attempts: self.attempts.map(toAttempt),
    error: ok ? null : { tag: "DnsError", reason: "NotFound", message: notFound(self) }
  }
}

const notFound = ({ question, rcode, server }: Resolution.Resolution): string => {
  const from = server === "local" ? "this machine itself says so" : `${server} says so`
  return rcode === Message.rcodes.NXDOMAIN
    ? `${question.name} does not exist: ${from} (NXDOMAIN)`
    : `${question.name} has no ${RecordType.format(question.type)} records: ${from}`
}

/**
 * Makes the result of a query that nobody answered.
 *
 * **Details**
 *
 * Where a server did reply, if only to say that it failed, its code is there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNoAnswer = (self: NoAnswer, elapsedMs: number): QueryResult => {
  const failure = self.attempts.findLast(({ failure }) => failure?.reply !== undefined)?.failure
  const replied = failure?.reply === undefined ? {} : {
    rcode: Message.formatRcode(failure.reply.message.rcode),
    server: failure.server,
    transport: failure.reply.transport,
    extendedErrors: Edns.extendedErrors(failure.reply.message.edns)
  }
  return {
    ...naming(self.question),
    ...nothing,
    ...replied,
    elapsedMs,
    attempts: self.attempts.map(toAttempt),
    error: { tag: self._tag, reason: self.reason, message: self.message }
  }
}

/**
 * Makes the result of what was no query: a name, a type or a server that cannot
 * be one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFault = (fault: {
  readonly name: string
  readonly type: string
  readonly tag: string
  readonly message: string
}): QueryResult => ({
  ...nothing,
  name: fault.name,
  type: fault.type,
  elapsedMs: 0,
  error: { tag: fault.tag, reason: fault.tag === "InvalidTarget" ? "BadName" : null, message: fault.message }
})

const naming = ({ name, type }: Message.Question) => ({
  name: Host.toFullyQualified(name),
  type: RecordType.format(type)
})

const toAttempt = ({ endedAtMs, failure, outcome, server, startedAtMs }: Attempt): QueryResult["attempts"][number] => ({
  server,
  startedAtMs,
  endedAtMs,
  outcome,
  reason: failure === undefined ? null : toDnsReason(failure)
})

/**
 * Gives the format of a result as JSON Schema, draft 2020-12.
 *
 * @category schemas
 * @since 0.1.0
 */
export const toJsonSchema = (): JsonSchema.JsonSchema => ({
  $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
  ...Schema.toJsonSchemaDocument(QueryResult, { onExcessProperty: "error" }).schema
})
