/**
 * The hosts file: names this machine answers by itself, and names of addresses.
 *
 * Parsing is `effect/net`'s; this module adds the two ways of asking.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import * as Host from "effect/net/Host"
import type * as NetAddress from "effect/net/NetAddress"

/**
 * Reads a hosts file that may be missing (the empty text). A strange line costs
 * that line.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse: (text: string) => Host.HostsTable = Host.parseHostsFile

/**
 * Gives the addresses of a name, or `undefined` where the file does not have it.
 *
 * @category getters
 * @since 0.1.0
 */
export const addressesOf = (
  self: Host.HostsTable,
  name: Host.DomainName
): ReadonlyArray<NetAddress.IpAddress> | undefined => self.get(Host.toRelative(name))

/**
 * Gives the names of an address, in the order of the file.
 *
 * @category getters
 * @since 0.1.0
 */
export const namesOf = (self: Host.HostsTable, address: NetAddress.IpAddress): ReadonlyArray<Host.DomainName> =>
  [...self].filter(([, addresses]) => addresses.some((other) => Equal.equals(other, address))).map(([name]) => name)
