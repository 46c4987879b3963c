/**
 * A name server's answers from a few lines of zone file, for tests and
 * demonstrations.
 *
 * Bytes in, bytes out: the platform supplies sockets. It follows aliases inside
 * the zone, tells NXDOMAIN from NODATA, gives a SOA with both, and repeats
 * EDNS. It is no server to put on a network.
 *
 * @since 0.1.0
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Message from "../Message.ts"
import * as RecordType from "../RecordType.ts"
import * as Reply from "./Reply.ts"
import * as ServiceData from "./ServiceData.ts"

const { codes } = RecordType

/**
 * Records by owner, in the order of the lines.
 *
 * @category models
 * @since 0.1.0
 */
export interface Zone {
  readonly records: ReadonlyMap<string, ReadonlyArray<Reply.RawRecord>>
  /** The time to live of a negative answer, in seconds. */
  readonly negativeTtl: number
}

/**
 * Reads lines such as `dual.example. 60 IN AAAA 2001:db8::1`.
 *
 * **Details**
 *
 * The types are A, AAAA, CNAME, NS, PTR, MX, SRV, TXT (quoted strings), SVCB and
 * HTTPS (`1 . alpn=h2 port=8443`), and any type as `TYPE65280 \# 2 ABCD` (RFC
 * 3597). It throws for a line that it cannot read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLinesUnsafe = (
  lines: ReadonlyArray<string>,
  options?: { readonly negativeTtl?: number | undefined }
): Zone => {
  const records = new Map<string, Array<Reply.RawRecord>>()
  for (const line of lines) {
    const match = /^(\S+)\s+(\d+)\s+IN\s+(\S+)\s+(.*)$/.exec(line.trim())
    const [, owner = "", ttl = "", typeName = "", data = ""] = match ?? []
    const type = RecordType.fromString(typeName)
    if (type === undefined) throw new Error(`not a line of a zone: ${line}`)
    const list = records.get(owner.toLowerCase()) ?? []
    list.push({ owner: owner.toLowerCase(), type, ttl: Number(ttl), data: encodeData(type, data) })
    records.set(owner.toLowerCase(), list)
  }
  return { records, negativeTtl: options?.negativeTtl ?? 60 }
}

const encodeData = (type: number, text: string): Uint8Array => {
  const words = text.split(/\s+/)
  const [first = "", second = "", third = "", fourth = ""] = words
  if (first === "\\#") {
    return Uint8Array.from(words.slice(2).join("").match(/../g) ?? [], (hex) => Number.parseInt(hex, 16))
  }
  switch (type) {
    case codes.A:
      return Uint8Array.from(NetAddress.ipv4ToOctets(Result.getOrThrow(NetAddress.ipv4FromString(first))))
    case codes.AAAA:
      return Uint8Array.from(NetAddress.ipv6ToOctets(Result.getOrThrow(NetAddress.ipv6FromString(first))))
    case codes.CNAME:
    case codes.DNAME:
    case codes.NS:
    case codes.PTR:
      return Reply.name(first)
    case codes.MX:
      return Reply.concat([Reply.u16(Number(first)), Reply.name(second)])
    case codes.SRV:
      return Reply.concat([Reply.u16(Number(first), Number(second), Number(third)), Reply.name(fourth)])
    case codes.TXT:
      return Reply.concat([...text.matchAll(/"([^"]*)"/g)].map(([, chunk = ""]) => Reply.string(chunk)))
    case codes.SVCB:
    case codes.HTTPS:
      return ServiceData.encodeUnsafe(text)
    default:
      throw new Error(`not the data of a record: ${text}`)
  }
}

/**
 * Answers a query, or gives `undefined` where it is none.
 *
 * **Details**
 *
 * With `maxLength` a longer reply is cut to its question and marked as
 * truncated, as over UDP.
 *
 * @category combinators
 * @since 0.1.0
 */
export const answer = (
  self: Zone,
  query: Uint8Array,
  options?: { readonly maxLength?: number | undefined }
): Uint8Array | undefined => {
  const message = Result.getOrUndefined(Message.decode(query))
  if (message?.question === undefined || message.isResponse) return undefined
  const { id, question } = message
  const additionals = message.edns === undefined ? [] : [Reply.opt()]
  const reply = Reply.encode({ id, question, additionals, ...find(self, question) })
  return options?.maxLength !== undefined && reply.length > options.maxLength
    ? Reply.encode({ id, question, additionals, isTruncated: true })
    : reply
}

const find = (self: Zone, question: { readonly name: string; readonly type: number }) => {
  const answers: Array<Reply.RawRecord> = []
  let owner = question.name
  for (let aliases = 0; aliases <= 32; aliases++) {
    const records = self.records.get(owner) ?? []
    const wanted = records.filter(({ type }) => type === question.type)
    const alias = records.find(({ type }) => type === codes.CNAME)
    answers.push(...wanted)
    if (wanted.length > 0 || alias === undefined) {
      const exists = records.length > 0 || [...self.records.keys()].some((name) => name.endsWith(`.${owner}`))
      const rcode = exists ? Message.rcodes.NOERROR : Message.rcodes.NXDOMAIN
      return { answers, authorities: wanted.length > 0 ? [] : [soa(self, owner)], rcode }
    }
    answers.push(alias)
    owner = targetOf(alias)
  }
  return { answers, authorities: [], rcode: Message.rcodes.NOERROR }
}

const targetOf = ({ data }: Reply.RawRecord): string => {
  let text = ""
  for (let offset = 0; (data[offset] ?? 0) > 0;) {
    const length = data[offset] ?? 0
    text += `${String.fromCharCode(...data.subarray(offset + 1, offset + 1 + length))}.`
    offset += 1 + length
  }
  return text === "" ? "." : text.toLowerCase()
}

const soa = (self: Zone, owner: string): Reply.RawRecord => ({
  owner: owner.split(".").slice(-2).join(".") || ".",
  type: codes.SOA,
  ttl: self.negativeTtl,
  data: Reply.concat([
    Reply.name("ns.test."),
    Reply.name("admin.test."),
    Reply.u32(1, 3600, 600, 86_400, self.negativeTtl)
  ])
})
