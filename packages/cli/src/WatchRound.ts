/**
 * One round of a watch, as `watch --json` prints it.
 *
 * The format is a stable interface, also as JSON Schema.
 *
 * @since 0.1.0
 */
import { ConnectResult } from "@happy-eyeballs/core/testing/ConnectResult"
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"

const described = (description: string) => ({ description })

const Ms = Schema.Finite.annotate(described("Milliseconds."))

const counts = {
  attempts: Schema.Int,
  wins: Schema.Int,
  losses: Schema.Int.annotate(described("Still connecting when another won, or when the connect was interrupted.")),
  failures: Schema.Int,
  p50Ms: Schema.NullOr(Ms).annotate(described("The time that attempts needed which won, TLS included.")),
  p95Ms: Schema.NullOr(Ms)
}

/**
 * The format of how attempts ended.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Counts = Schema.Struct(counts)

/**
 * How attempts ended. A lost one was still connecting when another won, and
 * what was interrupted with its connect was lost too.
 *
 * @category models
 * @since 0.1.0
 */
export type Counts = typeof Counts.Type

/**
 * The format of what came of one address.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AddressCounts = Schema.Struct({ address: Schema.String, port: Schema.NullOr(Schema.Int), ...counts })

/**
 * What came of one address.
 *
 * @category models
 * @since 0.1.0
 */
export type AddressCounts = typeof AddressCounts.Type

/**
 * The format of a family: Unix sockets are one of their own.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Family = Schema.Literals(["IPv6", "IPv4", "unix"])

/**
 * A family.
 *
 * @category models
 * @since 0.1.0
 */
export type Family = typeof Family.Type

/**
 * The format of what came of one family.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FamilyCounts = Schema.Struct({ family: Family, ...counts })

/**
 * What came of one family.
 *
 * @category models
 * @since 0.1.0
 */
export type FamilyCounts = typeof FamilyCounts.Type

/**
 * The format of one round.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Round = Schema.Struct({
  round: Schema.Int.annotate(described("From 1 up.")),
  atMs: Ms.annotate(described("When the round began, in milliseconds since the first.")),
  result: ConnectResult,
  addresses: Schema.Array(AddressCounts).annotate(described("Since the first round, of the 256 addresses seen last.")),
  families: Schema.Array(FamilyCounts)
}).annotate({ title: "Round", description: "One round of a watch: its connect, and the counts since the first." })

/**
 * One round: its connect, and the counts since the first round.
 *
 * @category models
 * @since 0.1.0
 */
export type Round = typeof Round.Type

/**
 * Gives the format of a round as JSON Schema, draft 2020-12.
 *
 * @category schemas
 * @since 0.1.0
 */
export const toJsonSchema = (): JsonSchema.JsonSchema => ({
  $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
  ...Schema.toJsonSchemaDocument(Round, { onExcessProperty: "error" }).schema
})
