/**
 * The order in which the addresses and ports of a target are tried.
 *
 * Everything here is a pure function over lists. It is called again before
 * every start, so that a late answer takes the place it would have had.
 *
 * @since 0.1.0
 */
import type * as NetAddress from "effect/net/NetAddress"
import type { PortOrder } from "./ConnectOptions.ts"

/**
 * Lets the address families take turns, beginning with that of the first
 * address and keeping the given order within each family.
 *
 * **Details**
 *
 * RFC 8305, section 4. `firstAddressFamilyCount` addresses of the first family
 * go before the first of the other; after that they alternate.
 *
 * **Example** (Alternating families)
 *
 * ```ts
 * import { Order } from "@happy-eyeballs/core"
 * import { NetAddress } from "effect/net"
 *
 * const addresses = ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(NetAddress.ipFromStringUnsafe)
 *
 * Order.interleave(addresses, { familyOf: NetAddress.familyOf, firstAddressFamilyCount: 1 })
 *   .map(NetAddress.formatIp) // => ["2001:db8::1", "192.0.2.1", "2001:db8::2"]
 * ```
 *
 * @category ordering
 * @since 0.1.0
 */
export const interleave = <A>(
  addresses: ReadonlyArray<A>,
  options: {
    readonly familyOf: (address: A) => NetAddress.IpFamily
    readonly firstAddressFamilyCount: number
  }
): ReadonlyArray<A> => {
  const [head] = addresses
  if (head === undefined) return addresses
  const first = options.familyOf(head)
  const same = addresses.filter((address) => options.familyOf(address) === first)
  if (same.length === addresses.length) return addresses
  const other = addresses.filter((address) => options.familyOf(address) !== first)
  const lead = Math.min(options.firstAddressFamilyCount, same.length) - 1
  const out = same.slice(0, lead)
  const turns = Math.max(same.length - lead, other.length)
  for (let turn = 0; turn < turns; turn++) {
    if (lead + turn < same.length) out.push(same[lead + turn]!)
    if (turn < other.length) out.push(other[turn]!)
  }
  return out
}

/**
 * Combines addresses with ports in the given port order.
 *
 * @category ordering
 * @since 0.1.0
 */
export const withPorts = <A, P, B>(
  addresses: ReadonlyArray<A>,
  ports: ReadonlyArray<P>,
  portOrder: PortOrder,
  combine: (address: A, port: P) => B
): ReadonlyArray<B> =>
  portOrder === "addressMajor"
    ? addresses.flatMap((address) => ports.map((port) => combine(address, port)))
    : ports.flatMap((port) => addresses.map((address) => combine(address, port)))
