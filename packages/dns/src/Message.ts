/**
 * Queries out, replies in.
 *
 * A query is encoded from a name that `Host` has passed; a reply is decoded
 * only after `Wire.check` has passed its bytes. What a record means is not
 * decided here: `Alias` and `StubResolver` continue the story.
 *
 * @since 0.1.0
 */
import * as Hex from "effect/encoding/Hex"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as Result from "effect/Result"
import * as Edns from "./Edns.ts"
import * as DnsPacket from "./internal/DnsPacket.ts"
import { recordData } from "./internal/RecordData.ts"
import * as RecordType from "./RecordType.ts"
import * as ServiceBinding from "./ServiceBinding.ts"
import * as Wire from "./Wire.ts"

/**
 * What is asked. The name is without search list and without a trailing dot, or
 * the root.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  readonly name: Host.DomainName
  readonly type: number
}

/**
 * RDATA of a type that has no model here, or that does not fit the model.
 *
 * @category models
 * @since 0.1.0
 */
export interface Opaque {
  readonly _tag: "Opaque"
  readonly bytes: Uint8Array
  /** What is wrong with an SVCB or HTTPS record, which spoils all records of its owner and type. */
  readonly problem?: string | undefined
}

/**
 * One record of a reply. The owner is in lower case and ends in a dot.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceRecord {
  readonly owner: string
  readonly type: number
  /** Seconds. */
  readonly ttl: number
  readonly data: Dns.DnsRecord | ServiceBinding.ServiceBinding | Opaque
}

/**
 * A reply, decoded. Records of other classes than IN are left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly id: number
  readonly isResponse: boolean
  readonly isTruncated: boolean
  /** The server says that it has verified the answer (DNSSEC). */
  readonly isAuthenticated: boolean
  readonly rcode: number
  readonly question: { readonly name: string; readonly type: number; readonly class: number } | undefined
  readonly answers: ReadonlyArray<ResourceRecord>
  readonly authorities: ReadonlyArray<ResourceRecord>
  /** `undefined` where the server does not speak EDNS. */
  readonly edns: Edns.Edns | undefined
}

/**
 * How a question is put on the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface EncodeOptions {
  readonly id: number
  /** Default: yes. Servers that answer FORMERR are asked again without. */
  readonly edns?: boolean | undefined
  /** Pad to a multiple of 128 bytes (RFC 8467, section 4.1). Default: no. */
  readonly padded?: boolean | undefined
}

const recursionDesired = 0x0100
// RFC 6840, section 5.7: asks for the AD bit without asking for the signatures.
const authenticData = 0x0020

const encodeQuestion = (question: Question, id: number, options: ReadonlyArray<Edns.Option> | undefined) =>
  DnsPacket.encodeQuery({
    id,
    flags: recursionDesired | authenticData,
    name: question.name,
    type: question.type,
    edns: options === undefined ? undefined : { payloadSize: Edns.payloadSize, options }
  })

/**
 * Encodes a query.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (question: Question, options: EncodeOptions): Uint8Array => {
  if (options.edns === false) return encodeQuestion(question, options.id, undefined)
  const plain = encodeQuestion(question, options.id, [])
  return options.padded === true
    ? encodeQuestion(question, options.id, [Edns.padding(plain.length)])
    : plain
}

/**
 * Checks and decodes a message. It fails and never throws, whatever the bytes.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Result.Result<Message, Wire.Malformed> =>
  Result.flatMap(Wire.check(bytes), (layout) =>
    // dns-packet throws plain errors; what it may still refuse after the check is
    // the message's fault, not ours.
    Result.try({
      try: () => fromLayout(bytes, layout),
      catch: (cause) => new Wire.Malformed({ problem: String(cause), offset: 0 })
    }))

const fromLayout = (bytes: Uint8Array, layout: Wire.Layout): Message => {
  const view = DnsPacket.view(bytes)
  const nameAt = nameReader(view)
  const { flags, opt, question } = layout
  const section = (name: Wire.RecordLayout["section"]): ReadonlyArray<ResourceRecord> =>
    layout.records
      .filter((record) => record.section === name && record.class === classIn)
      .map((record) => ({
        owner: nameAt(record.owner),
        type: record.type,
        // RFC 2181, section 8: the top bit of a TTL set means zero.
        ttl: record.ttl > 0x7fff_ffff ? 0 : record.ttl,
        data: recordData(record, view, nameAt)
      }))
  return {
    id: layout.id,
    isResponse: (flags & 0x8000) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    isAuthenticated: (flags & authenticData) !== 0,
    rcode: (opt === undefined ? 0 : (opt.ttl >>> 24) << 4) | (flags & 0x000f),
    question: question === undefined ? undefined : { ...question, name: nameAt(question.name) },
    answers: section("answer"),
    authorities: section("authority"),
    edns: opt === undefined ? undefined : Edns.fromRecord(bytes, opt)
  }
}

const classIn = 1

/** Reads names in lower case and with a final dot; a bare pointer is followed once a message. */
const nameReader = (view: DnsPacket.PacketBytes): (offset: number) => string => {
  const followed = new Map<number, string>()
  const read = (offset: number): string => {
    const name = lowerCase(DnsPacket.decodeName(view, offset))
    return name === "." ? name : `${name}.`
  }
  return (offset) => {
    const first = view[offset] ?? 0
    if (first < 192) return read(offset)
    const target = (first & 0x3f) << 8 | (view[offset + 1] ?? 0)
    const known = followed.get(target)
    if (known !== undefined) return known
    const name = read(offset)
    followed.set(target, name)
    return name
  }
}

// ASCII only (RFC 4343): Unicode's rules turn the Kelvin sign into a plain "k",
// and a name that is not ours into ours.
const lowerCase = (name: string): string =>
  /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (upper) => upper.toLowerCase()) : name

/**
 * Says whether a message is a reply to this question.
 *
 * **Details**
 *
 * A reply repeats the question. One that only says that it did not understand
 * the query (FORMERR, NOTIMP) may leave it out.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isReplyTo = (self: Message, id: number, question: Question): boolean => {
  if (!self.isResponse || self.id !== id) return false
  if (self.question === undefined) return self.rcode === rcodes.FORMERR || self.rcode === rcodes.NOTIMP
  return self.question.class === classIn && self.question.type === question.type &&
    self.question.name === Host.toFullyQualified(question.name)
}

/**
 * Response codes by name.
 *
 * @category constants
 * @since 0.1.0
 */
export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADCOOKIE: 23
} as const

const rcodeNames: ReadonlyMap<number, string> = new Map(Object.entries(rcodes).map(([name, code]) => [code, name]))

/**
 * Prints a response code: `NXDOMAIN`, or `RCODE12` where it has no name.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatRcode = (rcode: number): string => rcodeNames.get(rcode) ?? `RCODE${rcode}`

/**
 * Prints RDATA in presentation form, without its type.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatData = (self: ResourceRecord): string => {
  const { data } = self
  switch (data._tag) {
    case "ServiceBinding":
      return ServiceBinding.format(data)
    case "Opaque":
      // RFC 3597, section 5.
      return data.bytes.length === 0 ? "\\# 0" : `\\# ${data.bytes.length} ${Hex.encode(data.bytes).toUpperCase()}`
    default:
      return Dns.formatRecord(data).slice(data._tag.length + 1)
  }
}

/**
 * Prints a record as one line of a zone file.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatRecord = (self: ResourceRecord): string =>
  `${self.owner} ${self.ttl} IN ${RecordType.format(self.type)} ${formatData(self)}`
