/**
 * What a resolution has said so far, as a plain value.
 *
 * It remembers answers, gives the addresses among them and says whether
 * connecting may begin. It never waits and never orders; `Order` continues the
 * story.
 *
 * @since 0.1.0
 */
import * as MutableHashSet from "effect/MutableHashSet"
import * as NetAddress from "effect/net/NetAddress"
import type { Answer, AnswerType } from "./Resolver.ts"

/**
 * The latest answer for each owner and type, in order of first arrival.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answers {
  readonly answers: ReadonlyArray<Answer>
  /** No further answer can come. */
  readonly ended: boolean
}

/**
 * No answers yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty: Answers = { answers: [], ended: false }

/**
 * Records one answer; it replaces an earlier one of the same owner and type.
 *
 * **Details**
 *
 * RFC 8305, section 6: an address that has gone is no longer a candidate, and
 * one that has come is. What is being tried already is left alone.
 *
 * @category combinators
 * @since 0.1.0
 */
export const add = (self: Answers, answer: Answer): Answers => {
  const index = self.answers.findIndex(({ owner, type }) => owner === answer.owner && type === answer.type)
  return {
    ...self,
    answers: index === -1 ? [...self.answers, answer] : self.answers.with(index, answer)
  }
}

/**
 * Records that no further answer can come.
 *
 * @category combinators
 * @since 0.1.0
 */
export const end = (self: Answers): Answers => ({ ...self, ended: true })

/**
 * Records that the name is asked again, so that answers may come.
 *
 * @category combinators
 * @since 0.1.0
 */
export const reopen = (self: Answers): Answers => ({ ...self, ended: false })

/**
 * Says whether an address from a resolver can be connected to at all.
 *
 * **Details**
 *
 * A link-local IPv6 address without a zone names no interface. The unspecified
 * address is how filtering resolvers say "blocked", and connecting to it
 * reaches this machine. Groups and the broadcast address take no connections.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isUsable = (address: NetAddress.IpAddress): boolean =>
  !(NetAddress.isIpv6Address(address) && NetAddress.isLinkLocal(address)) &&
  !NetAddress.isUnspecified(address) &&
  !NetAddress.isMulticast(address) &&
  !(NetAddress.isIpv4Address(address) && NetAddress.isBroadcast(address))

/**
 * Gives the usable addresses: IPv6 before IPv4, each in the answer's order,
 * without duplicates.
 *
 * **Details**
 *
 * The order does not depend on which answer came first.
 *
 * @category getters
 * @since 0.1.0
 */
export const addresses = (self: Answers): ReadonlyArray<NetAddress.IpAddress> => {
  const given: Array<NetAddress.IpAddress> = []
  for (const type of ["AAAA", "A"] as const) {
    for (const answer of self.answers) {
      if (answer._tag !== "Addresses" || answer.type !== type) continue
      for (const address of answer.addresses) if (isUsable(address)) given.push(address)
    }
  }
  return given.length < 2 ? given : [...MutableHashSet.fromIterable(given)]
}

/**
 * Says whether connecting may begin.
 *
 * **Details**
 *
 * RFC 8305, section 3: with an address at hand, begin once the preferred family
 * has answered, well or badly, or once the resolution delay has passed
 * (`waited`). HTTPS records that were asked for are waited for alike.
 *
 * @category predicates
 * @since 0.1.0
 */
export const mayBegin = (
  self: Answers,
  options: {
    readonly prefer: NetAddress.IpFamily
    readonly types: ReadonlyArray<AnswerType>
    readonly waited: boolean
  }
): boolean => {
  if (!hasUsable(self)) return false
  if (self.ended || options.waited) return true
  const preferred = options.prefer === "IPv6" ? "AAAA" : "A"
  return options.types
    .filter((type) => type === preferred || type === "HTTPS")
    .every((type) => self.answers.some((answer) => answer.type === type))
}

/**
 * Says whether there is an address to connect to.
 *
 * @category predicates
 * @since 0.1.0
 */
export const hasUsable = (self: Answers): boolean =>
  self.answers.some((answer) => answer._tag === "Addresses" && answer.addresses.some(isUsable))

/**
 * Says whether every address came from a cache, so that asking anew may help.
 *
 * @category predicates
 * @since 0.1.0
 */
export const allCached = (self: Answers): boolean => {
  const positive = self.answers.filter((answer) => answer._tag === "Addresses" && answer.addresses.length > 0)
  return positive.length > 0 && positive.every(({ source }) => source === "cache")
}
