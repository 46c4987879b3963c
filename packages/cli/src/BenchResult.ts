/**
 * The result of a bench, as `bench --json` prints it.
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

const Port = Schema.NullOr(Schema.Int).annotate(described("null for the path of a Unix socket."))

const times = {
  minMs: Schema.NullOr(Ms),
  medianMs: Schema.NullOr(Ms),
  p95Ms: Schema.NullOr(Ms.annotate(described("The nearest rank; null where nothing connected."))),
  timesMs: Schema.Array(Ms).annotate(described("Every time, in the order in which they were measured."))
}

/**
 * The format of one address, as it was measured so far.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AddressTimes = Schema.Struct({
  address: Schema.String.annotate(described("The address, or the path of a Unix socket.")),
  port: Port,
  family: Schema.NullOr(Schema.Literals(["IPv4", "IPv6"])),
  protocol: Schema.Literals(["tcp", "tls"]),
  tries: Schema.Int,
  failures: Schema.Array(Schema.Struct({
    kind: ConnectResult.fields.attempts.value.fields.kind.members[0],
    code: Schema.NullOr(Schema.String),
    count: Schema.Int
  })).annotate(described("By kind and code, the most frequent first.")),
  ...times
})

/**
 * One address, as it was measured so far.
 *
 * @category models
 * @since 0.1.0
 */
export type AddressTimes = typeof AddressTimes.Type

/**
 * The format of races through one resolver, names included.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RaceTimes = Schema.Struct({
  tries: Schema.Int,
  failures: Schema.Array(Schema.Struct({ tag: Schema.String, count: Schema.Int })),
  wins: Schema.Array(Schema.Struct({ address: Schema.String, port: Port, count: Schema.Int })),
  ...times
})

/**
 * Races through one resolver, names included, as they were measured so far.
 *
 * @category models
 * @since 0.1.0
 */
export type RaceTimes = typeof RaceTimes.Type

/**
 * The format of what one resolver gave, and what came of it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ResolverTimes = Schema.Struct({
  server: Schema.NullOr(Schema.String).annotate(described("null: as this machine is set up.")),
  lookupMs: Schema.NullOr(Ms).annotate(described("Until the last answer; null where nothing was asked.")),
  resolution: ConnectResult.fields.resolution,
  addresses: Schema.Array(AddressTimes).annotate(described("In the order in which a race would try them.")),
  race: RaceTimes
})

/**
 * What one resolver gave, and what came of it.
 *
 * @category models
 * @since 0.1.0
 */
export type ResolverTimes = typeof ResolverTimes.Type

/**
 * The format of a bench.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Bench = Schema.Struct({
  ok: Schema.Boolean.annotate(described("Whether an address could be connected to.")),
  target: ConnectResult.fields.target,
  count: Schema.Int.annotate(described("How many rounds were asked for.")),
  rounds: Schema.Int.annotate(described("How many of them are through.")),
  resolvers: Schema.Array(ResolverTimes),
  error: ConnectResult.fields.error
}).annotate({ title: "Bench", description: "Each address of a target by itself, and the race beside them." })

/**
 * A bench, finished or not.
 *
 * @category models
 * @since 0.1.0
 */
export type Bench = typeof Bench.Type

/**
 * Gives the format of a bench as JSON Schema, draft 2020-12.
 *
 * @category schemas
 * @since 0.1.0
 */
export const toJsonSchema = (): JsonSchema.JsonSchema => ({
  $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
  ...Schema.toJsonSchemaDocument(Bench, { onExcessProperty: "error" }).schema
})
