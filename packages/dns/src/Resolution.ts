/**
 * What a stub resolver found out about one type of one name.
 *
 * @since 0.1.0
 */
import type { AnswerSource } from "@happy-eyeballs/core/Resolver"
import type { ExtendedError } from "./Edns.ts"
import type { Question, ResourceRecord } from "./Message.ts"
import type { Protocol } from "./NameServer.ts"
import type { Attempt } from "./Upstream.ts"

/**
 * An answer, good or negative.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resolution {
  readonly question: Question
  /** NOERROR or NXDOMAIN. */
  readonly rcode: number
  /** The whole alias chain, then the records that were asked for. */
  readonly records: ReadonlyArray<ResourceRecord>
  /** How long all of it holds, in seconds; `undefined` for what this machine knows by itself. */
  readonly ttl: number | undefined
  readonly source: Exclude<AnswerSource, "system">
  /** The server without its parameters, or `local`. */
  readonly server: string
  readonly transport: Protocol | "local"
  /** It no longer holds, and no name server could be asked in time. */
  readonly stale: boolean
  /** The server says that it has verified the answer (DNSSEC). */
  readonly authenticatedData: boolean
  readonly extendedErrors: ReadonlyArray<ExtendedError>
  /** Empty where no name server was asked. */
  readonly attempts: ReadonlyArray<Attempt>
}

/**
 * Gives the records that were asked for, without the aliases before them.
 *
 * @category getters
 * @since 0.1.0
 */
export const wanted = (self: Resolution): ReadonlyArray<ResourceRecord> =>
  self.records.filter(({ type }) => type === self.question.type)
