/**
 * The strict check of a message from the network.
 *
 * Bytes that someone else chose are walked once, without building anything, and
 * are refused at the first byte that does not fit. What passes comes with a
 * layout that says where each record lies, so that no later reader has to trust
 * a length again. `Message` continues the story; nothing here decodes.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { codes } from "./RecordType.ts"

/**
 * A message that no correct name server sends.
 *
 * @category errors
 * @since 0.1.0
 */
export class Malformed extends Data.TaggedError("Malformed")<{
  readonly problem: string
  readonly offset: number
}> {
  override get message(): string {
    return `malformed message: ${this.problem} at byte ${this.offset}`
  }
}

/**
 * Where one record lies in its message.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecordLayout {
  readonly section: "answer" | "authority" | "additional"
  /** Where the owner's name begins. */
  readonly owner: number
  readonly type: number
  readonly class: number
  readonly ttl: number
  /** Where RDATA begins. */
  readonly data: number
  readonly length: number
}

/**
 * Where the parts of a checked message lie.
 *
 * @category models
 * @since 0.1.0
 */
export interface Layout {
  readonly id: number
  readonly flags: number
  /** Where the question's name begins, its type and class, or `undefined` where there is none. */
  readonly question: { readonly name: number; readonly type: number; readonly class: number } | undefined
  readonly records: ReadonlyArray<RecordLayout>
  /** The one OPT record (RFC 6891), which is not among the others. */
  readonly opt: RecordLayout | undefined
}

/**
 * The header of a message, which is readable even where the rest is not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Header {
  readonly id: number
  readonly isResponse: boolean
  readonly isTruncated: boolean
}

/**
 * Reads the header alone, or gives `undefined` for less than twelve bytes.
 *
 * @category decoding
 * @since 0.1.0
 */
export const header = (bytes: Uint8Array): Header | undefined =>
  bytes.length < headerLength ? undefined : {
    id: u16(bytes, 0),
    isResponse: (byte(bytes, 2) & 0x80) !== 0,
    isTruncated: (byte(bytes, 2) & 0x02) !== 0
  }

/**
 * Checks a whole message.
 *
 * **Details**
 *
 * Refused are: counts that the length cannot hold, bytes after the last record,
 * names over 255 bytes, labels that hold a dot or a zero byte, compression
 * pointers that do not point backwards, RDATA that does not fill its RDLENGTH
 * exactly, an OPT record that is not alone or not at the root, more than one
 * question, and any opcode but QUERY. RDATA of a type without a rule here is
 * opaque (RFC 3597).
 *
 * **Gotchas**
 *
 * A label may hold any other byte, as RFC 2181, section 11 allows. Whoever uses
 * a name from a message as a host name checks it with `Host` first.
 *
 * @category decoding
 * @since 0.1.0
 */
export const check = (bytes: Uint8Array): Result.Result<Layout, Malformed> => {
  const walk = new Walk(bytes)
  const layout = walk.message()
  return layout === undefined
    ? Result.fail(new Malformed({ problem: walk.problem, offset: walk.at }))
    : Result.succeed(layout)
}

const headerLength = 12

// A server unfolds no more than this: 4 096 addresses for one name count as one
// name, because a bare pointer is read once. Without the bound, 64 KiB of
// pointers into pointers cost a reader hundreds of milliseconds.
const maxSteps = 16_384

const byte = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0

const u16 = (bytes: Uint8Array, offset: number): number => byte(bytes, offset) << 8 | byte(bytes, offset + 1)

const u32 = (bytes: Uint8Array, offset: number): number => u16(bytes, offset) * 65_536 + u16(bytes, offset + 2)

class Walk {
  private readonly bytes: Uint8Array
  private readonly seen = new Set<number>()
  private steps = 0
  at = 0
  problem = ""

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  message(): Layout | undefined {
    const { bytes } = this
    const size = bytes.length
    if (size < headerLength || size > 65_535) return this.refuse(0, "a length that no message has")
    const flags = u16(bytes, 2)
    if ((flags & 0x7800) !== 0) return this.refuse(2, "an opcode other than QUERY")
    const questions = u16(bytes, 4)
    const counts = [u16(bytes, 6), u16(bytes, 8), u16(bytes, 10)] as const
    // The least a question takes is five bytes, and a record eleven. Checked
    // before anything is built: twelve bytes may claim 262 140 records.
    const least = questions * 5 + (counts[0] + counts[1] + counts[2]) * 11
    if (questions > 1) return this.refuse(4, "more than one question")
    if (least > size - headerLength) return this.refuse(4, "counts that the length cannot hold")
    let offset = headerLength
    let question: Layout["question"]
    if (questions === 1) {
      const end = this.name(offset, size, "plain")
      if (end === undefined) return undefined
      if (end + 4 > size) return this.refuse(end, "a question that is cut off")
      question = { name: offset, type: u16(bytes, end), class: u16(bytes, end + 2) }
      offset = end + 4
    }
    const records: Array<RecordLayout> = []
    let opt: RecordLayout | undefined
    for (const [index, section] of sections.entries()) {
      for (let count = counts[index] ?? 0; count > 0; count--) {
        const record = this.record(offset, section)
        if (record === undefined) return undefined
        offset = record.data + record.length
        if (record.type !== codes.OPT) {
          records.push(record)
          continue
        }
        if (opt !== undefined) return this.refuse(record.owner, "two OPT records")
        if (section !== "additional") return this.refuse(record.owner, "an OPT record outside the additional section")
        if (byte(bytes, record.owner) !== 0) return this.refuse(record.owner, "an OPT record that is not at the root")
        opt = record
      }
    }
    if (offset !== size) return this.refuse(offset, "bytes after the last record")
    return { id: u16(bytes, 0), flags, question, records, opt }
  }

  private record(owner: number, section: RecordLayout["section"]): RecordLayout | undefined {
    const { bytes } = this
    const end = this.name(owner, bytes.length, "plain")
    if (end === undefined) return undefined
    const data = end + 10
    if (data > bytes.length) return this.refuse(end, "a record that is cut off")
    const length = u16(bytes, end + 8)
    if (data + length > bytes.length) return this.refuse(end + 8, "an RDLENGTH beyond the message")
    const type = u16(bytes, end)
    const rule = rules.get(type)
    if (rule !== undefined && !this.follows(rule, data, data + length)) return undefined
    return { section, owner, type, class: u16(bytes, end + 2), ttl: u32(bytes, end + 4), data, length }
  }

  private follows(rule: ReadonlyArray<Field>, begin: number, end: number): boolean {
    let offset = begin
    for (const field of rule) {
      const next = typeof field === "number" ? offset + field : this.field(field, offset, end)
      if (next === undefined) return false
      if (next > end) {
        this.refuse(offset, "RDATA that is too short")
        return false
      }
      offset = next
    }
    if (offset !== end) this.refuse(offset, "RDATA that is too long")
    return offset === end
  }

  private field(field: Exclude<Field, number>, begin: number, end: number): number | undefined {
    switch (field) {
      case "name":
        return this.name(begin, end, "plain")
      // A mailbox (SOA) and an instance of a service (PTR, RFC 6763) may hold dots.
      case "nameWithDots":
        return this.name(begin, end, "dots")
      case "string":
        return begin < end ? begin + 1 + byte(this.bytes, begin) : end + 1
      case "tag":
        return begin < end && byte(this.bytes, begin) > 0 ? begin + 1 + byte(this.bytes, begin) : end + 1
      case "rest":
        return end
      case "strings":
        return this.repeat(begin, end, (offset) => offset + 1 + byte(this.bytes, offset))
      case "options":
        return begin === end
          ? end
          : this.repeat(begin, end, (offset) => offset + 4 > end ? end + 1 : offset + 4 + u16(this.bytes, offset + 2))
    }
  }

  // At least one item; the items end where RDATA ends.
  private repeat(begin: number, end: number, next: (offset: number) => number): number {
    let offset = begin
    do offset = offset < end ? next(offset) : end + 1
    while (offset < end)
    return offset
  }

  // Gives the offset after the name as it stands, without following pointers.
  private name(begin: number, limit: number, labels: "plain" | "dots"): number | undefined {
    const { bytes } = this
    let offset = begin
    let bound = limit
    let lowest = begin
    let total = 1
    let end: number | undefined
    for (;;) {
      if (++this.steps > maxSteps) return this.refuse(offset, "names that unfold without end")
      if (offset >= bound) return this.refuse(offset, "a name that is cut off")
      const length = byte(bytes, offset)
      if (length === 0) return end ?? offset + 1
      if (length < 64) {
        total += length + 1
        if (total > 255) return this.refuse(offset, "a name over 255 bytes")
        if (offset + 1 + length > bound) return this.refuse(offset, "a label that is cut off")
        for (let i = offset + 1; i <= offset + length; i++) {
          if (bytes[i] === 0 || (bytes[i] === 46 && labels === "plain")) {
            return this.refuse(i, "a label with a dot or a zero byte inside")
          }
        }
        offset += 1 + length
      } else if (length >= 192) {
        if (offset + 2 > bound) return this.refuse(offset, "a pointer that is cut off")
        const target = u16(bytes, offset) & 0x3fff
        // RFC 1035, section 4.1.4: to a prior occurrence. Strictly backwards from
        // the part being read, so that no chain of pointers can loop.
        if (target < headerLength || target >= lowest) return this.refuse(offset, "a pointer that does not point back")
        end ??= offset + 2
        if (offset === begin && labels === "plain") {
          if (this.seen.has(target)) return end
          this.seen.add(target)
        }
        offset = target
        lowest = target
        bound = bytes.length
      } else {
        return this.refuse(offset, "a label of an unknown kind")
      }
    }
  }

  private refuse(at: number, problem: string): undefined {
    this.at = at
    this.problem = problem
    return undefined
  }
}

const sections = ["answer", "authority", "additional"] as const

type Field = number | "name" | "nameWithDots" | "string" | "strings" | "tag" | "options" | "rest"

// What RDATA is made of. A compressed SRV or NAPTR target is forbidden to write
// and asked to be read (RFC 3597, section 4).
const rules: ReadonlyMap<number, ReadonlyArray<Field>> = new Map<number, ReadonlyArray<Field>>([
  [codes.A, [4]],
  [codes.NS, ["name"]],
  [codes.CNAME, ["name"]],
  [codes.SOA, ["name", "nameWithDots", 20]],
  [codes.PTR, ["nameWithDots"]],
  [codes.MX, [2, "name"]],
  [codes.TXT, ["strings"]],
  [codes.AAAA, [16]],
  [codes.SRV, [6, "name"]],
  [codes.NAPTR, [4, "string", "string", "string", "name"]],
  [codes.DNAME, ["name"]],
  [codes.OPT, ["options"]],
  [codes.TLSA, [4, "rest"]],
  [codes.CAA, [1, "tag", "rest"]]
])
