import * as NetAddress from "effect/net/NetAddress"
import { scopeIds } from "../../NodeScopeIds.ts"

/**
 * Prints an address as Node's sockets take it. libuv takes a zone by its name;
 * only Windows takes it by number.
 *
 * @internal
 */
export const nativeHost = (address: NetAddress.InetAddress): string =>
  NetAddress.isInetAddressV6(address) && address.scopeId !== 0
    ? NetAddress.formatNativeHost(address, scopeIds(), process.platform)
    : NetAddress.formatHost(address)
