/**
 * Names that are not asked of any name server (RFC 6761 and those after it).
 *
 * @since 0.1.0
 */
import * as Host from "effect/net/Host"

/**
 * What a special name is: this machine, or a name that does not exist in DNS.
 *
 * @category models
 * @since 0.1.0
 */
export type SpecialName = "loopback" | "nowhere"

// RFC 6761 (localhost, invalid), RFC 7686 (onion), RFC 9476 (alt). A query for
// one of these would tell a name server what it has no business to know.
const byLastLabel: ReadonlyMap<string, SpecialName> = new Map([
  ["localhost", "loopback"],
  ["invalid", "nowhere"],
  ["onion", "nowhere"],
  ["alt", "nowhere"]
])

/**
 * Says what is special about a name, or `undefined` for all others.
 *
 * **Gotchas**
 *
 * `local` is not among them: it belongs to multicast DNS (RFC 6762), but whole
 * clusters live under `cluster.local`. `SystemChoice` leaves it to the system
 * where the system has multicast DNS.
 *
 * @category getters
 * @since 0.1.0
 */
export const classify = (name: Host.DomainName): SpecialName | undefined => {
  const relative = Host.toRelative(name)
  // RFC 6761, section 6.1, and RFC 6303, section 4: the names of loopback
  // addresses are nobody else's either.
  return reverseLoopback.test(relative) ? "loopback" : byLastLabel.get(relative.split(".").at(-1) ?? "")
}

const reverseLoopback = /(^|\.)127\.in-addr\.arpa$|^1(\.0){31}\.ip6\.arpa$/
