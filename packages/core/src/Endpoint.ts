/**
 * One way to reach a target: an address, and how to speak there.
 *
 * An endpoint is what a dialer opens. It is a plain value and holds no socket.
 *
 * @since 0.1.0
 */
import * as NetAddress from "effect/net/NetAddress"

/**
 * How to speak TLS at an endpoint.
 *
 * **Details**
 *
 * The names are those of `tls.connect` in Node, whose dialer passes every
 * option through. Without `servername` the name of the target is used, and for
 * an address its IP address is what the certificate must carry.
 *
 * @category models
 * @since 0.1.0
 */
export interface TlsOptions {
  readonly servername?: string | undefined
  readonly ALPNProtocols?: ReadonlyArray<string> | undefined
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
  readonly rejectUnauthorized?: boolean | undefined
  readonly [option: string]: unknown
}

/**
 * An address with a port or a Unix path, how to speak there, and what the
 * caller attached to the port.
 *
 * @category models
 * @since 0.1.0
 */
export interface Endpoint {
  readonly address: NetAddress.SocketAddress
  /** Absent: plain TCP. */
  readonly tls: TlsOptions | undefined
  /** The name that was asked for, or `undefined` when the target was an address. */
  readonly host: string | undefined
  /** What the caller attached to the port; it comes back with the winner. */
  readonly payload: unknown
}

/**
 * Makes an endpoint; what is left out is plain TCP to an address without a name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  address: NetAddress.SocketAddress,
  options?: {
    readonly tls?: TlsOptions | undefined
    readonly host?: string | undefined
    readonly payload?: unknown
  }
): Endpoint => ({ address, tls: options?.tls, host: options?.host, payload: options?.payload })

/**
 * Prints an endpoint as `192.0.2.1:443`, `[2001:db8::1]:443` or a Unix path.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: Endpoint): string =>
  NetAddress.isUnixPathAddress(self.address) ? self.address.path : NetAddress.formatInet(self.address)

/**
 * Gives the address without its port, as FORMATS prints it: `2001:db8::1`,
 * `fe80::1%2`, or a Unix path.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatAddress = (self: Endpoint): string =>
  NetAddress.isUnixPathAddress(self.address) ? self.address.path : NetAddress.formatHost(self.address)

/**
 * Gives the port, or `undefined` for a Unix path.
 *
 * @category getters
 * @since 0.1.0
 */
export const port = (self: Endpoint): number | undefined =>
  NetAddress.isUnixPathAddress(self.address) ? undefined : self.address.port

/**
 * Gives the address family, or `undefined` for a Unix path.
 *
 * @category getters
 * @since 0.1.0
 */
export const family = (self: Endpoint): NetAddress.IpFamily | undefined =>
  NetAddress.isUnixPathAddress(self.address) ? undefined : NetAddress.familyOf(self.address)
