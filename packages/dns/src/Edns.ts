/**
 * EDNS(0): how large a reply may be, padding, and the reasons that servers give
 * for a failure.
 *
 * @since 0.1.0
 */
import { decodeText } from "./internal/DnsPacket.ts"
import type { RecordLayout } from "./Wire.ts"

/**
 * An option by its number (IANA, DNS EDNS0 Option Codes).
 *
 * @category models
 * @since 0.1.0
 */
export interface Option {
  readonly code: number
  readonly data: Uint8Array
}

/**
 * What a server said beside its answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Edns {
  readonly payloadSize: number
  readonly version: number
  readonly options: ReadonlyArray<Option>
}

/**
 * Why a server answered as it did (RFC 8914).
 *
 * @category models
 * @since 0.1.0
 */
export interface ExtendedError {
  readonly code: number
  readonly text: string
}

/**
 * The largest UDP reply that is asked for: one that no network fragments (DNS
 * flag day 2020).
 *
 * @category constants
 * @since 0.1.0
 */
export const payloadSize = 1232

const optionCodes = { tcpKeepalive: 11, padding: 12, extendedError: 15 }

const block = 128

/**
 * Gives the option that pads a message, so far without it, to the next multiple
 * of 128 bytes: the size of a query then says little about the name in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const padding = (length: number): Option => ({
  code: optionCodes.padding,
  data: new Uint8Array(Math.ceil((length + 4) / block) * block - length - 4)
})

/**
 * Reads a checked OPT record.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromRecord = (bytes: Uint8Array, opt: RecordLayout): Edns => {
  const options: Array<Option> = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = opt.data + opt.length
  for (let offset = opt.data; offset < end;) {
    const length = view.getUint16(offset + 2)
    options.push({
      code: view.getUint16(offset),
      data: new Uint8Array(bytes.subarray(offset + 4, offset + 4 + length))
    })
    offset += 4 + length
  }
  return { payloadSize: opt.class, version: opt.ttl >>> 16 & 0xff, options }
}

/**
 * Gives the reasons that a server added to its answer.
 *
 * @category getters
 * @since 0.1.0
 */
export const extendedErrors = (self: Edns | undefined): ReadonlyArray<ExtendedError> =>
  (self?.options ?? []).flatMap(({ code, data }) => {
    const [high, low] = data
    if (code !== optionCodes.extendedError || high === undefined || low === undefined) return []
    return [{ code: high << 8 | low, text: printable(decodeText(data.subarray(2))) }]
  })

/**
 * Gives the time in milliseconds that a server keeps an idle connection open
 * (RFC 7828), or `undefined` where it did not say.
 *
 * @category getters
 * @since 0.1.0
 */
export const keepalive = (self: Edns | undefined): number | undefined => {
  const option = self?.options.find(({ code }) => code === optionCodes.tcpKeepalive)
  const [high, low] = option?.data ?? []
  return high === undefined || low === undefined ? undefined : (high << 8 | low) * 100
}

// A stranger's text ends up in logs and terminals.
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{fffd}")

/**
 * Prints a reason: `EDE 18 (Prohibited): blocked by policy`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatExtendedError = ({ code, text }: ExtendedError): string => {
  const name = names[code]
  return `EDE ${code}${name === undefined ? "" : ` (${name})`}${text === "" ? "" : `: ${text}`}`
}

// IANA, Extended DNS Error Codes.
const names: ReadonlyArray<string> = [
  "Other",
  "Unsupported DNSKEY Algorithm",
  "Unsupported DS Digest Type",
  "Stale Answer",
  "Forged Answer",
  "DNSSEC Indeterminate",
  "DNSSEC Bogus",
  "Signature Expired",
  "Signature Not Yet Valid",
  "DNSKEY Missing",
  "RRSIGs Missing",
  "No Zone Key Bit Set",
  "NSEC Missing",
  "Cached Error",
  "Not Ready",
  "Blocked",
  "Censored",
  "Filtered",
  "Prohibited",
  "Stale NXDOMAIN Answer",
  "Not Authoritative",
  "Not Supported",
  "No Reachable Authority",
  "Network Error",
  "Invalid Data"
]
