/**
 * The result of one connect, as `connect --json` and `simulate --json` print
 * it.
 *
 * The format is a stable interface: a `ConnectReport` with what it leaked,
 * and in a simulation with the scenario's name.
 *
 * @since 0.1.0
 */
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"

const described = (description: string) => ({ description })

const Ms = Schema.Finite.annotate(described("Milliseconds since the call of connect."))

const Attempt = Schema.Struct({
  address: Schema.String,
  port: Schema.NullOr(Schema.Int),
  startedAtMs: Ms,
  endedAtMs: Ms,
  outcome: Schema.Literals(["connected", "failed", "interrupted"]),
  kind: Schema.NullOr(Schema.Literals([
    "Refused",
    "Unreachable",
    "Reset",
    "Timeout",
    "PermissionDenied",
    "Tls",
    "Congested",
    "Denied",
    "Unknown"
  ])),
  code: Schema.NullOr(Schema.String)
})

const ServiceRecord = Schema.Struct({
  priority: Schema.Int,
  target: Schema.String,
  alpn: Schema.Array(Schema.String),
  noDefaultAlpn: Schema.Boolean,
  port: Schema.NullOr(Schema.Int),
  ipv4hint: Schema.Array(Schema.String),
  ipv6hint: Schema.Array(Schema.String),
  mandatory: Schema.Array(Schema.String)
})

const Answer = Schema.Struct({
  type: Schema.Literals(["A", "AAAA", "HTTPS"]),
  name: Schema.optionalKey(Schema.String.annotate(described("The owner, where it is not the target."))),
  atMs: Ms,
  addresses: Schema.Array(Schema.String),
  records: Schema.optionalKey(Schema.Array(ServiceRecord)),
  ttlSeconds: Schema.NullOr(Schema.Finite),
  reason: Schema.NullOr(
    Schema.Literals([
      "NotFound",
      "Timeout",
      "Temporary",
      "Refused",
      "ServerFailure",
      "BadName",
      "InvalidResponse",
      "Unsupported",
      "Unknown"
    ]).annotate(described("Why an answer failed or is empty."))
  )
})

/**
 * The format of the result of one connect.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ConnectResult = Schema.Struct({
  name: Schema.optionalKey(Schema.String.annotate(described("The scenario's name; absent outside of a simulation."))),
  ok: Schema.Boolean,
  target: Schema.Struct({
    host: Schema.String.annotate(described("As it was given.")),
    ports: Schema.Array(Schema.Int)
  }),
  winner: Schema.NullOr(Schema.Struct({
    address: Schema.String.annotate(described("The address, or the path of a Unix socket.")),
    port: Schema.NullOr(Schema.Int),
    family: Schema.NullOr(Schema.Literals(["IPv4", "IPv6"])),
    protocol: Schema.Literals(["tcp", "tls"])
  })),
  elapsedMs: Ms,
  attempts: Schema.Array(Attempt).annotate(described("Every attempt that was started, in start order.")),
  resolution: Schema.Array(Answer).annotate(described("Every answer that came in time, in order of arrival.")),
  error: Schema.NullOr(Schema.Struct({
    tag: Schema.String,
    message: Schema.String
  })),
  leaked: Schema.Int.annotate(described("Sockets still open, beyond the winner's, when connect returned."))
}).annotate({ title: "ConnectResult", description: "The result of one connect." })

/**
 * The result of one connect.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectResult = typeof ConnectResult.Type

/**
 * Gives the format of a result as JSON Schema, draft 2020-12.
 *
 * @category schemas
 * @since 0.1.0
 */
export const toJsonSchema = (): JsonSchema.JsonSchema => ({
  $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
  ...Schema.toJsonSchemaDocument(ConnectResult, { onExcessProperty: "error" }).schema
})
