/**
 * SVCB and HTTPS records (RFC 9460): where a service really is, and how it is
 * spoken to.
 *
 * RDATA that someone else chose is checked to its last byte before anything is
 * made of it. What the records mean for a connect is not decided here: core's
 * `ServiceRecord` carries them there.
 *
 * @since 0.1.0
 */
import type { ServiceRecord } from "@happy-eyeballs/core/Resolver"
import * as Base64 from "effect/encoding/Base64"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/**
 * One SvcParam. The value is as it was on the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parameter {
  readonly key: number
  readonly value: Uint8Array
}

/**
 * The data of an SVCB or HTTPS record, checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceBinding {
  readonly _tag: "ServiceBinding"
  /** 0 is alias mode; otherwise lower is tried first. */
  readonly priority: number
  /** In lower case and with a final dot; bytes that no host name has are escaped as in a zone file. */
  readonly target: string
  /**
   * The SvcParams as they were on the wire. Kept so because a hostile record has
   * room for 16 000 of them, and a cache for many such records.
   */
  readonly wire: Uint8Array
}

/**
 * The numbers of the keys that are understood here (RFC 9460, section 14.3.2).
 *
 * @category constants
 * @since 0.1.0
 */
export const keys = {
  "mandatory": 0,
  "alpn": 1,
  "no-default-alpn": 2,
  "port": 3,
  "ipv4hint": 4,
  "ech": 5,
  "ipv6hint": 6
} as const

/**
 * Checks and decodes RDATA. The failure says what is wrong with it.
 *
 * **Details**
 *
 * Refused are: a target that is compressed or cut off, a parameter that is cut
 * off, keys that do not ascend, and in service mode a value without the form
 * that its key asks for, `no-default-alpn` without `alpn` and a mandatory key
 * that is not there. In alias mode values mean nothing (RFC 9460, section
 * 2.4.2) and are not looked at.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (rdata: Uint8Array): Result.Result<ServiceBinding, string> => {
  const name = rdata.length < 2 ? undefined : targetAt(rdata, 2)
  if (name === undefined) return Result.fail("its target is no uncompressed name")
  const priority = u16(rdata, 0)
  const wire = rdata.subarray(name.end)
  const problem = misframed(wire) ?? (priority === 0 ? undefined : inconsistency(wire))
  return problem === undefined
    ? Result.succeed({ _tag: "ServiceBinding", priority, target: name.text, wire })
    : Result.fail(problem)
}

/**
 * Gives the parameters of a record in the order of their keys.
 *
 * @category getters
 * @since 0.1.0
 */
export const parameters = (self: ServiceBinding): ReadonlyArray<Parameter> => [...walk(self.wire)]

function* walk(wire: Uint8Array): Generator<Parameter, void> {
  for (let offset = 0; offset < wire.length;) {
    const end = offset + 4 + u16(wire, offset + 2)
    yield { key: u16(wire, offset), value: wire.subarray(offset + 4, end) }
    offset = end
  }
}

/** Gives the parameters whose keys have a meaning here: they come first. */
const known = (wire: Uint8Array): ReadonlyMap<number, Uint8Array> => {
  const found = new Map<number, Uint8Array>()
  for (const { key, value } of walk(wire)) {
    if (key > keys.ipv6hint) break
    found.set(key, value)
  }
  return found
}

const misframed = (wire: Uint8Array): string | undefined => {
  let previous = -1
  for (let offset = 0; offset < wire.length;) {
    const end = offset + 4 + u16(wire, offset + 2)
    if (offset + 4 > wire.length || end > wire.length) return "a parameter is cut off"
    const key = u16(wire, offset)
    // Strictly: no key comes twice either.
    if (key <= previous) return `${formatKey(key)} comes after ${formatKey(previous)}`
    previous = key
    offset = end
  }
  return undefined
}

// RFC 9460, section 2.2: the target is never compressed.
const targetAt = (bytes: Uint8Array, begin: number): { readonly text: string; readonly end: number } | undefined => {
  let text = ""
  for (let offset = begin;;) {
    const length = bytes[offset]
    if (length === undefined || length > 63 || offset - begin >= 255) return undefined
    if (length === 0) return { text: text === "" ? "." : text, end: offset + 1 }
    const label = bytes.subarray(offset + 1, offset + 1 + length)
    if (label.length < length) return undefined
    text += `${escaped(label, /[.\\"();@$ ]/).toLowerCase()}.`
    offset += 1 + length
  }
}

// RFC 9460, section 2.4.3, lets a client reject the whole set for a record that
// contradicts itself, as section 2.2 asks for with malformed values.
const inconsistency = (wire: Uint8Array): string | undefined => {
  const values = known(wire)
  for (const [key, value] of values) {
    const problem = formOf.get(key)?.(value, values, wire)
    if (problem !== undefined) return `${formatKey(key)} ${problem}`
  }
  return undefined
}

type Form = (value: Uint8Array, values: ReadonlyMap<number, Uint8Array>, wire: Uint8Array) => string | undefined

const isMultiple = (value: Uint8Array, size: number): boolean => value.length > 0 && value.length % size === 0

const formOf: ReadonlyMap<number, Form> = new Map<number, Form>([
  [keys.mandatory, (value, values, wire) => {
    if (!isMultiple(value, 2)) return "is no list of keys"
    const listed = numbers(value)
    if (listed.some((key, index) => index > 0 && key <= (listed[index - 1] ?? 0))) return "does not ascend"
    if (listed[0] === keys.mandatory) return "names itself"
    const present = listed.every((key) => values.has(key)) ? values : new Set(Array.from(walk(wire), ({ key }) => key))
    const missing = listed.find((key) => !present.has(key))
    return missing === undefined ? undefined : `names ${formatKey(missing)}, which is not there`
  }],
  [keys.alpn, (value) => isProtocols(value) ? undefined : "is no list of protocols"],
  [keys["no-default-alpn"], (value, values) => {
    if (value.length > 0) return "has a value"
    return values.has(keys.alpn) ? undefined : "is there without alpn"
  }],
  [keys.port, (value) => value.length === 2 ? undefined : "is no port"],
  [keys.ipv4hint, (value) => isMultiple(value, 4) ? undefined : "is no list of IPv4 addresses"],
  [keys.ipv6hint, (value) => isMultiple(value, 16) ? undefined : "is no list of IPv6 addresses"]
])

/**
 * Gives the record as core takes it, or `undefined` where nothing can be
 * connected to by it.
 *
 * **Details**
 *
 * RFC 9460, section 8, has a record ignored where a mandatory key is not
 * understood. `ech` is carried and not understood: a record that makes it
 * mandatory is for others. So is one whose target is no host name or whose port
 * is 0. Keys that are not understood and not mandatory are left out, and so are
 * protocols and hints of a family beyond the first 64.
 *
 * @category converting
 * @since 0.1.0
 */
export const toServiceRecord = (self: ServiceBinding): ServiceRecord | undefined => {
  const { priority, target } = self
  if (target !== "." && !Host.isDomainName(target)) return undefined
  const values = priority === 0 ? new Map<number, Uint8Array>() : known(self.wire)
  const mandatory = numbers(values.get(keys.mandatory))
  const [port] = numbers(values.get(keys.port))
  if (port === 0 || !mandatory.every((key) => understood.has(key))) return undefined
  return {
    priority,
    target: target as Host.DomainName,
    alpn: protocols(values.get(keys.alpn), maxListed).map((id) => String.fromCharCode(...id)),
    noDefaultAlpn: values.has(keys["no-default-alpn"]),
    port,
    ipv4hint: pieces(values.get(keys.ipv4hint)?.subarray(0, 4 * maxListed), 4).map(NetAddress.ipv4FromBytesUnsafe),
    ipv6hint: pieces(values.get(keys.ipv6hint)?.subarray(0, 16 * maxListed), 16).map(NetAddress.ipv6FromBytesUnsafe),
    mandatory,
    ech: values.get(keys.ech)
  }
}

// A record has room for 30 000, and every connect would pay for them.
const maxListed = 64

const understood: ReadonlySet<number> = new Set(Object.values(keys).filter((key) => key !== keys.ech))

/**
 * Prints the data in presentation form (RFC 9460, section 2.1): `1 . alpn=h2
 * port=8443`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: ServiceBinding): string =>
  [String(self.priority), self.target, ...parameters(self).map((each) => formatParameter(each, self.priority))].join(
    " "
  )

const formatParameter = ({ key, value }: Parameter, priority: number): string => {
  const name = formatKey(key)
  const known = priority === 0 ? undefined : formatValue(key, value)
  if (known !== undefined) return known === "" ? name : `${name}=${known}`
  return value.length === 0 ? name : `${name}="${escaped(value, /[\\"]/)}"`
}

/** Prints a value that has a form of its own; a checked one. */
const formatValue = (key: number, value: Uint8Array): string | undefined => {
  switch (key) {
    case keys.mandatory:
      return numbers(value).map(formatKey).join()
    case keys.alpn: {
      // Appendix A.1: commas and backslashes are escaped as parts of a list, and
      // that text once more as a string.
      const list = protocols(value).map((id) => [...id].flatMap((byte) => special.has(byte) ? [92, byte] : [byte]))
      const text = escaped(Uint8Array.from(list.flatMap((id, index) => index === 0 ? id : [44, ...id])), /[\\"]/)
      return /[\s"();]/.test(text) ? `"${text}"` : text
    }
    case keys["no-default-alpn"]:
      return ""
    case keys.port:
      return numbers(value).join()
    case keys.ipv4hint:
      return pieces(value, 4).map((bytes) => NetAddress.formatIp(NetAddress.ipv4FromBytesUnsafe(bytes))).join()
    case keys.ipv6hint:
      return pieces(value, 16).map((bytes) => NetAddress.formatIp(NetAddress.ipv6FromBytesUnsafe(bytes))).join()
    case keys.ech:
      return Base64.encode(value)
    default:
      return undefined
  }
}

// A comma and a backslash.
const special: ReadonlySet<number> = new Set([44, 92])

const names: ReadonlyMap<number, string> = new Map(Object.entries(keys).map(([name, key]) => [key, name]))

const formatKey = (key: number): string => names.get(key) ?? `key${key}`

const u16 = (bytes: Uint8Array, offset: number): number => (bytes[offset] ?? 0) << 8 | (bytes[offset + 1] ?? 0)

const pieces = (value: Uint8Array | undefined, size: number): ReadonlyArray<Uint8Array> =>
  Array.from(
    { length: (value?.length ?? 0) / size },
    (_, index) => value?.subarray(index * size, (index + 1) * size) ?? new Uint8Array(size)
  )

const numbers = (value: Uint8Array | undefined): ReadonlyArray<number> => pieces(value, 2).map((bytes) => u16(bytes, 0))

// ALPN ids, each behind its length (RFC 9460, section 7.1.1).
const isProtocols = (value: Uint8Array): boolean => {
  let offset = 0
  while (offset < value.length) {
    if (value[offset] === 0) return false
    offset += 1 + (value[offset] ?? 0)
  }
  return offset > 0 && offset === value.length
}

const protocols = (value: Uint8Array | undefined, limit = Infinity): ReadonlyArray<Uint8Array> => {
  const found: Array<Uint8Array> = []
  for (let offset = 0; value !== undefined && offset < value.length && found.length < limit;) {
    const next = offset + 1 + (value[offset] ?? 0)
    found.push(value.subarray(offset + 1, next))
    offset = next
  }
  return found
}

/** Prints bytes as text of a zone file (RFC 1035, section 5.1), with a backslash before what is special. */
const escaped = (bytes: Uint8Array, special: RegExp): string => {
  let text = ""
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    text += byte < 0x20 || byte > 0x7e
      ? `\\${String(byte).padStart(3, "0")}`
      : special.test(character)
      ? `\\${character}`
      : character
  }
  return text
}
