/**
 * Aliases (CNAME) in a reply: from the name that was asked for to the one that
 * has records.
 *
 * @since 0.1.0
 */
import * as Host from "effect/net/Host"
import type * as Message from "./Message.ts"
import { codes } from "./RecordType.ts"

/**
 * Where the aliases of a reply lead.
 *
 * @category models
 * @since 0.1.0
 */
export interface Walk {
  /** The aliases in order, then the records that were asked for. */
  readonly records: ReadonlyArray<Message.ResourceRecord>
  /** The name at the end, or `undefined` where the aliases are too many, a loop, or lead nowhere. */
  readonly end: Host.DomainName | undefined
  readonly aliases: number
  readonly found: boolean
}

/**
 * The most aliases that are followed from a name.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxAliases = 16

/**
 * Follows the aliases of a reply. Records of other owners are left out: a
 * server may add what it likes, and only the chain was asked for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const walk = (answers: ReadonlyArray<Message.ResourceRecord>, question: Message.Question): Walk => {
  const byOwner = new Map<string, Array<Message.ResourceRecord>>()
  for (const record of answers) {
    const list = byOwner.get(record.owner)
    if (list === undefined) byOwner.set(record.owner, [record])
    else list.push(record)
  }
  const records: Array<Message.ResourceRecord> = []
  const seen = new Set<string>()
  let name = Host.toRelative(question.name)
  for (let aliases = 0; aliases <= maxAliases; aliases++) {
    const owner = Host.toFullyQualified(name)
    if (seen.has(owner)) break
    seen.add(owner)
    const owned = byOwner.get(owner) ?? []
    const wanted = owned.filter(({ type }) => type === question.type || question.type === codes.ANY)
    if (wanted.length > 0) {
      records.push(...wanted)
      return { records, end: name, aliases, found: true }
    }
    const alias = owned.find(({ type }) => type === codes.CNAME)
    if (alias === undefined) return { records, end: name, aliases, found: false }
    records.push(alias)
    if (alias.data._tag !== "CNAME") return { records, end: undefined, aliases, found: false }
    name = Host.toRelative(alias.data.target)
  }
  return { records, end: undefined, aliases: maxAliases + 1, found: false }
}
