/**
 * What a doctor found out and concluded, as `doctor --json` prints it.
 *
 * The format is a stable interface, also as JSON Schema.
 *
 * @since 0.1.0
 */
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import { Bench } from "./BenchResult.ts"

const described = (description: string) => ({ description })

/**
 * The format of what is known of one family.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FamilyFacts = Schema.Struct({
  family: Schema.Literals(["IPv6", "IPv4"]),
  source: Schema.NullOr(Schema.String).annotate(
    described("The source address that this machine would use for the internet at large; null: there is no route.")
  ),
  known: Schema.Boolean.annotate(described("Whether the system could say."))
})

/**
 * What is known of one family: the source address that this machine would use
 * for the internet at large.
 *
 * @category models
 * @since 0.1.0
 */
export type FamilyFacts = typeof FamilyFacts.Type

/**
 * The format of what one name server said to a question.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ResolverAnswer = Schema.Struct({
  type: Schema.Literals(["AAAA", "A"]),
  addresses: Schema.Array(Schema.String),
  rcode: Schema.NullOr(Schema.String).annotate(described("As in NXDOMAIN; null: it did not answer.")),
  elapsedMs: Schema.Finite.annotate(described("Milliseconds since the query."))
})

/**
 * What one name server said to a question.
 *
 * @category models
 * @since 0.1.0
 */
export type ResolverAnswer = typeof ResolverAnswer.Type

/**
 * The format of one name server.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ResolverFacts = Schema.Struct({
  server: Schema.String.annotate(described("Scheme, host, port and path.")),
  ours: Schema.Boolean.annotate(described("Whether this machine is set up to ask it; if not, --dns named it.")),
  answers: Schema.Array(ResolverAnswer)
})

/**
 * One name server: of this machine's own, or given by `--dns` to compare.
 *
 * @category models
 * @since 0.1.0
 */
export type ResolverFacts = typeof ResolverFacts.Type

/**
 * The format of everything that was found out.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Facts = Schema.Struct({
  name: Schema.String.annotate(described("The name that the name servers were asked for.")),
  families: Schema.Array(FamilyFacts),
  resolvers: Schema.Array(ResolverFacts),
  behind: Schema.Array(Schema.String).annotate(described("Whom a resolver on this machine asks in its turn.")),
  serverTimeoutMs: Schema.Finite.annotate(
    described("How long this machine waits for one name server, in milliseconds.")
  ),
  candidates: Schema.Array(Schema.String).annotate(
    described("The names that a lookup of the name asks for, in order.")
  ),
  nat64: Schema.Array(Schema.String).annotate(described("IPv6 addresses that stand for IPv4 (RFC 7050).")),
  descriptors: Schema.NullOr(Schema.Int).annotate(
    described("How many descriptors this process may open; null: not known, or no limit.")
  ),
  connects: Schema.NullOr(Bench).annotate(
    described("Each address of the host, in the order in which they would be tried; null: no host was given.")
  )
})

/**
 * Everything that was found out.
 *
 * @category models
 * @since 0.1.0
 */
export type Facts = typeof Facts.Type

/**
 * The format of one conclusion.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Finding = Schema.Struct({
  severity: Schema.Literals(["good", "note", "problem"]).annotate(described("A problem makes the exit code 1.")),
  id: Schema.String.annotate(described("A word that stays, for programs.")),
  message: Schema.String,
  advice: Schema.NullOr(Schema.String).annotate(described("What to do."))
})

/**
 * What was concluded. A `problem` makes the exit code 1.
 *
 * @category models
 * @since 0.1.0
 */
export type Finding = typeof Finding.Type

/**
 * The format of a doctor's result.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DoctorResult = Schema.Struct({
  ok: Schema.Boolean.annotate(described("Whether there is no problem.")),
  findings: Schema.Array(Finding),
  facts: Facts
}).annotate({ title: "DoctorResult", description: "What a machine can do on its network, and what is wrong with it." })

/**
 * A doctor's result.
 *
 * @category models
 * @since 0.1.0
 */
export type DoctorResult = typeof DoctorResult.Type

/**
 * Gives the format of a doctor's result as JSON Schema, draft 2020-12.
 *
 * @category schemas
 * @since 0.1.0
 */
export const toJsonSchema = (): JsonSchema.JsonSchema => ({
  $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
  ...Schema.toJsonSchemaDocument(DoctorResult, { onExcessProperty: "error" }).schema
})
