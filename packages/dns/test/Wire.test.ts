import { assert, describe, it } from "@effect/vitest"
import { RecordType, Wire } from "@happy-eyeballs/dns"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Result from "effect/Result"

const { codes } = RecordType
const { concat, name, u8, u16, u32 } = Reply

const question = concat([name("www.example."), u16(codes.A, 1)])
const header = (questions: number, answers: number, authorities = 0, additionals = 0) =>
  u16(7, 0x8180, questions, answers, authorities, additionals)
const record = (owner: Uint8Array, type: number, data: Uint8Array, length = data.length) =>
  concat([owner, u16(type, 1), u32(60), u16(length), data])
const answer = (type: number, data: Uint8Array, length?: number) =>
  concat([header(1, 1), question, record(u16(0xc00c), type, data, length)])
const opt = (data: Uint8Array = u8(), owner = u8(0)) =>
  concat([owner, u16(codes.OPT, 1232), u32(0), u16(data.length), data])
const long = (labels: number) => concat([...Array.from({ length: labels }, () => Reply.string("x".repeat(63))), u8(0)])

const problem = (bytes: Uint8Array): string =>
  Result.match(Wire.check(bytes), { onFailure: (error) => error.problem, onSuccess: () => "none" })

describe("Wire.check", () => {
  const a = u8(192, 0, 2, 1)

  it("passes what real servers send, and says where each record lies", () => {
    const bytes = concat([
      header(1, 1, 0, 1),
      question,
      record(u16(0xc00c), codes.A, a),
      opt(concat([u16(12, 4), u32(0)]))
    ])
    const layout = Result.getOrThrow(Wire.check(bytes))
    assert.strictEqual(layout.records.length, 1)
    const [first] = layout.records
    assert.deepStrictEqual([...bytes.subarray(first?.data, (first?.data ?? 0) + (first?.length ?? 0))], [192, 0, 2, 1])
    assert.strictEqual(layout.opt?.class, 1232)
  })

  // RFC 9267 names the kinds: pointers, label lengths, name lengths, terminators,
  // RDLENGTH and record counts.
  it.each<[string, Uint8Array, string]>([
    ["less than a header", u8(0, 7, 0x81), "a length that no message has"],
    ["a status query", u16(7, 0x9180, 0, 0, 0, 0), "an opcode other than QUERY"],
    [
      "twelve bytes that claim 262 140 records",
      u16(7, 0x8180, 1, 65_535, 65_535, 65_535),
      "counts that the length cannot hold"
    ],
    ["65 535 questions", concat([u16(7, 0x8180, 65_535, 0, 0, 0), question]), "more than one question"],
    [
      "more answers than there are",
      concat([header(1, 2), question, record(u16(0xc00c), codes.A, a)]),
      "a name that is cut off"
    ],
    [
      "fewer answers than there are",
      concat([header(1, 0), question, record(u16(0xc00c), codes.A, a)]),
      "bytes after the last record"
    ],
    ["a question cut off", concat([header(1, 0), name("www.example."), u16(1)]), "a question that is cut off"],
    [
      "a record cut off",
      concat([header(1, 1), question, u16(0xc00c, 1, 1), u8(0, 0, 0, 0, 0)]),
      "a record that is cut off"
    ],
    ["an address of three bytes", answer(codes.A, u8(1, 2, 3)), "RDATA that is too short"],
    ["an address of five bytes", answer(codes.A, u8(1, 2, 3, 4, 5)), "RDATA that is too long"],
    ["an address of none", answer(codes.A, u8()), "RDATA that is too short"],
    ["an IPv6 address of four bytes", answer(codes.AAAA, a), "RDATA that is too short"],
    ["RDLENGTH beyond the message", answer(codes.A, a, 400), "an RDLENGTH beyond the message"],
    [
      "an alias longer than its RDATA",
      answer(codes.CNAME, concat([name("b.example."), u8(0)])),
      "RDATA that is too long"
    ],
    [
      "an alias that runs out of its RDATA",
      concat([answer(codes.CNAME, Reply.string("abc"), 3), u8(0)]),
      "a label that is cut off"
    ],
    [
      "a pointer to itself",
      answer(codes.CNAME, u16(0xc000 | 12 + question.length + 12)),
      "a pointer that does not point back"
    ],
    ["a pointer forwards", answer(codes.CNAME, u16(0xc0ff)), "a pointer that does not point back"],
    ["a pointer into the header", answer(codes.CNAME, u16(0xc002)), "a pointer that does not point back"],
    ["a pointer of one byte", concat([header(1, 0), u8(0xc0), u16(1, 1)]), "a pointer that does not point back"],
    ["an extended label", concat([header(1, 0), u8(0x41, 0, 0, 0, 0, 0, 0)]), "a label of an unknown kind"],
    [
      "a label of 64 bytes",
      concat([header(1, 0), u8(64), new Uint8Array(64).fill(97), u8(0), u16(1, 1)]),
      "a label of an unknown kind"
    ],
    ["a name without an end", concat([header(1, 0), Reply.string("aaaaaa")]), "a name that is cut off"],
    ["a name of 257 bytes", concat([header(1, 0), long(4), u16(1, 1)]), "a name over 255 bytes"],
    [
      "a name grown over 255 bytes by a pointer",
      concat([
        header(1, 1),
        concat([long(3), u16(1, 1)]),
        record(concat([Reply.string("y".repeat(63)), u16(0xc00c)]), codes.A, a)
      ]),
      "a name over 255 bytes"
    ],
    [
      "a dot inside a label",
      concat([header(1, 0), Reply.string("www.bank"), name("com."), u16(1, 1)]),
      "a label with a dot or a zero byte inside"
    ],
    [
      "a zero byte inside a label",
      concat([header(1, 0), Reply.string("bank\0"), name("com."), u16(1, 1)]),
      "a label with a dot or a zero byte inside"
    ],
    ["an empty text", answer(codes.TXT, u8()), "RDATA that is too short"],
    ["a text over its RDATA", answer(codes.TXT, u8(9, 97)), "RDATA that is too short"],
    ["a SOA without its numbers", answer(codes.SOA, concat([name("a."), name("b.")])), "RDATA that is too short"],
    ["a service without a target", answer(codes.SRV, u16(1, 2, 3)), "a name that is cut off"],
    ["a mail exchange of one byte", answer(codes.MX, u8(1)), "RDATA that is too short"],
    ["a CAA tag over its RDATA", answer(codes.CAA, u8(0, 200, 97)), "RDATA that is too short"],
    [
      "an OPT option over its RDATA",
      concat([header(1, 0, 0, 1), question, opt(u16(12, 400))]),
      "RDATA that is too short"
    ],
    [
      "an OPT option of three bytes",
      concat([header(1, 0, 0, 1), question, opt(u8(0, 12, 0))]),
      "RDATA that is too short"
    ],
    ["two OPT records", concat([header(1, 0, 0, 2), question, opt(), opt()]), "two OPT records"],
    [
      "an OPT record at a name",
      concat([header(1, 0, 0, 1), question, opt(u8(), name("x."))]),
      "an OPT record that is not at the root"
    ],
    [
      "an OPT record among the answers",
      concat([header(1, 1), question, opt()]),
      "an OPT record outside the additional section"
    ]
  ])("refuses %s", (_, bytes, expected) => {
    assert.strictEqual(problem(bytes), expected)
  })

  it("takes a mailbox with a dot in a SOA and a service with a space and a dot in a PTR", () => {
    const mailbox = concat([name("ns."), Reply.string("john.doe"), name("example."), u32(1, 2, 3, 4, 5)])
    assert.strictEqual(problem(answer(codes.SOA, mailbox)), "none")
    assert.strictEqual(problem(answer(codes.PTR, concat([Reply.string("Printer v1.2"), name("local.")]))), "none")
  })

  it("leaves RDATA of a type without a rule alone", () => {
    assert.strictEqual(problem(answer(65_280, u8(0xff, 0xff))), "none")
    assert.strictEqual(problem(answer(codes.RRSIG, u8(1))), "none")
  })

  it("refuses 64 KiB of pointers into pointers in under 5 ms", () => {
    const parts = [header(0, 0), u8(0), u16(65_280, 1), u32(0), u16(0), u8(0)]
    let offset = 23
    let last = offset
    offset += 1
    for (; offset < 16_380; offset += 2) {
      parts.push(u16(0xc000 | last))
      last = offset
    }
    const bytes = new Uint8Array(65_535)
    bytes.set(concat(parts))
    bytes.set(u16(offset - 23), 21)
    let records = 1
    for (; offset + 13 <= bytes.length; offset += 13, records++) {
      bytes.set(concat([u8(1, 97), u16(0xc000 | last)]).subarray(0, 4), offset)
      bytes.set(u16(65_280, 1, 0, 0, 0).subarray(0, 9), offset + 4)
    }
    bytes.set(u16(records), 6)
    assert.strictEqual(problem(bytes), "names that unfold without end")
    const times = Array.from({ length: 20 }, () => {
      const started = performance.now()
      problem(bytes)
      return performance.now() - started
    })
    assert.isBelow(Math.min(...times), 5)
  })

  it("passes 4 000 addresses that point at one long name", () => {
    const owner = concat([...Array.from({ length: 60 }, () => Reply.string("ab")), u8(0)])
    const records = Array.from({ length: 4_000 }, () => record(u16(0xc00c), codes.A, a))
    assert.strictEqual(problem(concat([header(1, 4_000), owner, u16(1, 1), ...records])), "none")
  })
})
