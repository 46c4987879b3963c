// The declaration has no import to be found by, where another package compiles this source.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./dns-packet.d.ts" />
/**
 * dns-packet behind types of our own: the only module that imports it.
 *
 * It encodes queries, and decodes names and RDATA at offsets that `Wire.check`
 * has passed. It is never given a whole message to decode: it follows its own
 * lengths from record to record, so that one malformed RDATA of a rare type
 * moves everything after it.
 *
 * @internal
 */
import packet from "dns-packet"
import type * as Edns from "../Edns.ts"

/** Bytes as dns-packet takes them. Declared here too, so that no declaration of ours needs one of dns-packet's. */
export interface PacketBytes extends Uint8Array {
  readonly constructor: {
    from(buffer: ArrayBufferLike, byteOffset: number, length: number): PacketBytes
  }
  toString(encoding?: "utf8"): string
}

// dns-packet takes nothing but the `Buffer` it was built on (Node's, or a
// bundler's stand-in), so that very class is taken from what it makes.
const root: PacketBytes = packet.name.encode(".")

/** Views bytes as dns-packet wants them, without copying. */
export const view = (bytes: Uint8Array): PacketBytes =>
  root.constructor.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Decodes UTF-8; bytes that are none become U+FFFD. */
export const decodeText = (bytes: Uint8Array): string => view(bytes).toString("utf8")

/** Encodes a query of one question. A type is given by number, which every type has. */
export const encodeQuery = (query: {
  readonly id: number
  readonly flags: number
  readonly name: string
  readonly type: number
  readonly edns: { readonly payloadSize: number; readonly options: ReadonlyArray<Edns.Option> } | undefined
}): Uint8Array => {
  const { edns } = query
  const encoded = packet.encode({
    type: "query",
    id: query.id,
    flags: query.flags,
    questions: [{ type: `UNKNOWN_${query.type}`, name: query.name }],
    additionals: edns === undefined ? [] : [{
      type: "OPT",
      name: ".",
      udpPayloadSize: edns.payloadSize,
      options: edns.options.map(({ code, data }) => ({ code, data: view(data) }))
    }]
  })
  // Plain bytes go out: a `Buffer` has a `slice` that shares where all others copy.
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength)
}

/** Decodes a name; labels are joined by dots and the root is `"."`. */
export const decodeName = (bytes: PacketBytes, offset: number): string => packet.name.decode(bytes, offset)

/** Decodes a name whose labels may hold dots, which come out as `\.`. */
export const decodeNameWithDots = (bytes: PacketBytes, offset: number): string =>
  packet.name.decode(bytes, offset, { mail: true })

/** Decodes RDATA of a type that `Wire.check` has a rule for, from the offset where it begins. */
export const decodeData = <T extends keyof DataByType>(type: T, bytes: PacketBytes, offset: number): DataByType[T] =>
  // dns-packet's codecs start at RDLENGTH.
  packet.record(type).decode(bytes, offset - 2) as DataByType[T]

/** What dns-packet makes of RDATA, by type. */
export interface DataByType {
  readonly CAA: { readonly flags: number; readonly tag: string; readonly value: string }
  readonly CNAME: string
  readonly MX: { readonly preference: number; readonly exchange: string }
  readonly NAPTR: {
    readonly order: number
    readonly preference: number
    readonly flags: string
    readonly services: string
    readonly regexp: string
    readonly replacement: string
  }
  readonly NS: string
  readonly SOA: {
    readonly mname: string
    readonly rname: string
    readonly serial: number
    readonly refresh: number
    readonly retry: number
    readonly expire: number
    readonly minimum: number
  }
  readonly SRV: { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  readonly TLSA: {
    readonly usage: number
    readonly selector: number
    readonly matchingType: number
    readonly certificate: Uint8Array
  }
  readonly TXT: ReadonlyArray<Uint8Array>
}
