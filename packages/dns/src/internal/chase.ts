import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Host from "effect/net/Host"
import * as Alias from "../Alias.ts"
import * as Cache from "../Cache.ts"
import * as Edns from "../Edns.ts"
import * as Message from "../Message.ts"
import type { Protocol } from "../NameServer.ts"
import * as RecordType from "../RecordType.ts"
import { ServerFailed } from "../Transport.ts"
import { type Answered, type Attempt, NoAnswer } from "../Upstream.ts"
import { monotonicMs } from "./monotonic.ts"

/**
 * What name servers said in the end, as the cache keeps it.
 *
 * @internal
 */
export interface Found extends Cache.Content {
  readonly server: string
  readonly transport: Protocol
  readonly authenticatedData: boolean
  readonly extendedErrors: ReadonlyArray<Edns.ExtendedError>
  readonly attempts: ReadonlyArray<Attempt>
}

/**
 * Asks a question, and asks again for the name that aliases lead to where the
 * server did not follow them to their end.
 *
 * @internal
 */
export const chase = (
  question: Message.Question,
  ask: (question: Message.Question, timeoutMs: number) => Effect.Effect<Answered, NoAnswer>
) =>
  Effect.fnUntraced(function*(timeoutMs: number): Effect.fn.Return<Found, NoAnswer> {
    const clock = yield* Clock.Clock
    const started = monotonicMs(clock)
    const records: Array<Message.ResourceRecord> = []
    const attempts: Array<Attempt> = []
    const asked = new Set<string>()
    let name: Host.DomainName = question.name
    let aliases = 0
    let verified = true
    for (;;) {
      const left = timeoutMs - (monotonicMs(clock) - started)
      const answered = yield* Effect.mapError(
        ask({ name, type: question.type }, left),
        (error) => new NoAnswer({ question, attempts: [...attempts, ...error.attempts] })
      )
      const { reply: { message, transport }, server } = answered
      asked.add(name)
      attempts.push(...answered.attempts)
      const walk = Alias.walk(message.answers, { name, type: question.type })
      records.push(...walk.records)
      aliases += walk.aliases
      verified &&= message.isAuthenticated
      const { end } = walk
      const endless = end === undefined || aliases > Alias.maxAliases || walk.aliases > 0 && asked.has(end)
      const malformed = walk.records.find((record) => record.type === question.type && problemOf(record) !== undefined)
      if (endless || malformed !== undefined) {
        const detail = malformed === undefined
          ? `gives aliases of ${question.name} that lead nowhere`
          : `gives ${malformed.owner} a malformed ${RecordType.format(malformed.type)} record: ${problemOf(malformed)}`
        const failure = new ServerFailed({ server, reason: "Invalid", detail, reply: answered.reply })
        const last = attempts.at(-1)
        return yield* new NoAnswer({
          question,
          attempts: last === undefined ? [] : [...attempts.slice(0, -1), { ...last, outcome: "failed", failure }]
        })
      }
      const denied = message.rcode === Message.rcodes.NXDOMAIN ||
        message.authorities.some(({ type }) => type === RecordType.codes.SOA)
      if (!walk.found && walk.aliases > 0 && !denied) {
        name = end
        continue
      }
      return {
        rcode: message.rcode,
        records,
        ttl: Math.min(
          ...records.map(({ ttl }) => ttl),
          walk.found ? Infinity : Cache.negativeTtl(message.authorities)
        ),
        server,
        transport,
        authenticatedData: verified,
        extendedErrors: Edns.extendedErrors(message.edns),
        attempts
      }
    }
  })

// RFC 9460, section 2.2: one malformed record spoils the set. It is the zone's
// fault and not the server's, which hands on what it does not understand.
const problemOf = ({ data }: Message.ResourceRecord): string | undefined =>
  data._tag === "Opaque" ? data.problem : undefined
