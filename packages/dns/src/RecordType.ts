/**
 * Record types by number and by name.
 *
 * On the wire a type is a number, and a type that this package has no name for
 * is as good as any other (RFC 3597): it prints as `TYPE65280`.
 *
 * @since 0.1.0
 */

/**
 * The numbers of the types that have a name here (IANA, DNS parameters).
 *
 * @category constants
 * @since 0.1.0
 */
export const codes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
  CAA: 257
} as const

/**
 * A type that has a name.
 *
 * @category models
 * @since 0.1.0
 */
export type Name = keyof typeof codes

const names: ReadonlyMap<number, string> = new Map(Object.entries(codes).map(([name, code]) => [code, name]))

/**
 * Prints a type: `AAAA`, or `TYPE65280` where it has no name.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (code: number): string => names.get(code) ?? `TYPE${code}`

/**
 * Reads a type in any case, or gives `undefined`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromString = (input: string): number | undefined => {
  const text = input.toUpperCase()
  if (Object.hasOwn(codes, text)) return codes[text as Name]
  const number = /^TYPE(\d{1,5})$/.exec(text)?.[1]
  return number !== undefined && Number(number) >= 1 && Number(number) <= 65_535 ? Number(number) : undefined
}
