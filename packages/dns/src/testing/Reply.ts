/**
 * Encodes replies, for name servers in tests and demonstrations.
 *
 * It writes what it is told, right or wrong: RDATA is bytes, and counts and
 * flags may lie. A stub resolver never sends a reply, so that the library
 * itself has no use for it.
 *
 * @since 0.1.0
 */
import * as Message from "../Message.ts"
import { codes } from "../RecordType.ts"

/**
 * One record to write, its RDATA as bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface RawRecord {
  readonly owner: string
  readonly type: number
  readonly class?: number | undefined
  readonly ttl: number
  readonly data: Uint8Array
}

/**
 * What a reply says. `question` is repeated from the query.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly id: number
  readonly question: { readonly name: string; readonly type: number } | undefined
  readonly rcode?: number | undefined
  readonly isTruncated?: boolean | undefined
  readonly isAuthenticated?: boolean | undefined
  readonly answers?: ReadonlyArray<RawRecord> | undefined
  readonly authorities?: ReadonlyArray<RawRecord> | undefined
  readonly additionals?: ReadonlyArray<RawRecord> | undefined
}

/**
 * Writes a reply.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (reply: Reply): Uint8Array => {
  const { answers = [], authorities = [], additionals = [], question } = reply
  const flags = 0x8180 | (reply.isTruncated === true ? 0x0200 : 0) | (reply.isAuthenticated === true ? 0x0020 : 0) |
    ((reply.rcode ?? Message.rcodes.NOERROR) & 0x0f)
  return concat([
    u16(reply.id, flags, question === undefined ? 0 : 1, answers.length, authorities.length, additionals.length),
    ...(question === undefined ? [] : [name(question.name), u16(question.type, 1)]),
    ...[...answers, ...authorities, ...additionals].map((record) => encodeRecord(record, question?.name))
  ])
}

const encodeRecord = (record: RawRecord, question: string | undefined): Uint8Array =>
  concat([
    // The question's name always begins at byte 12.
    record.owner === question && question !== "." ? u16(0xc00c) : name(record.owner),
    u16(record.type, record.class ?? 1, record.ttl >>> 16, record.ttl & 0xffff, record.data.length),
    record.data
  ])

/**
 * Makes the OPT record of a reply.
 *
 * @category constructors
 * @since 0.1.0
 */
export const opt = (
  options: ReadonlyArray<{ readonly code: number; readonly data: Uint8Array }> = [],
  extendedRcode = 0
): RawRecord => ({
  owner: ".",
  type: codes.OPT,
  class: 1232,
  ttl: extendedRcode * 0x1_00_00_00,
  data: concat(options.map(({ code, data }) => concat([u16(code, data.length), data])))
})

/**
 * Writes a name without compression. A label may be anything, dots excepted.
 *
 * @category encoding
 * @since 0.1.0
 */
export const name = (text: string): Uint8Array => {
  const labels = text.split(".").filter((label) => label !== "")
  return concat([...labels.map((label) => concat([u8(label.length), ascii(label)])), u8(0)])
}

/**
 * Writes a character string: its length and its bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const string = (text: string): Uint8Array => concat([u8(text.length), ascii(text)])

/**
 * Writes numbers of one byte.
 *
 * @category encoding
 * @since 0.1.0
 */
export const u8 = (...numbers: ReadonlyArray<number>): Uint8Array => Uint8Array.from(numbers)

/**
 * Writes numbers of two bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const u16 = (...numbers: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.from(numbers.flatMap((number) => [number >>> 8 & 0xff, number & 0xff]))

/**
 * Writes numbers of four bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const u32 = (...numbers: ReadonlyArray<number>): Uint8Array =>
  u16(...numbers.flatMap((number) => [number >>> 16 & 0xffff, number & 0xffff]))

/**
 * Joins bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))
