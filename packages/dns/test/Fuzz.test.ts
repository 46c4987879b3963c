import { assert, describe, it } from "@effect/vitest"
import { Message, RecordType, ServiceBinding } from "@happy-eyeballs/dns"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as ServiceData from "@happy-eyeballs/dns/testing/ServiceData"
import * as Result from "effect/Result"
import { onTestFinished } from "vitest"

const { codes } = RecordType
const { concat, name, string, u16, u32, u8 } = Reply

// A million in CI; every message follows from the seed.
const count = Number(process.env["DNS_FUZZ_MESSAGES"] ?? 50_000)
const seed = Number(process.env["DNS_FUZZ_SEED"] ?? 12_345)
const limitMs = 5

/** Whole numbers below a bound (xorshift32). */
const generator = (seed: number) => {
  let state = seed
  return (bound: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

const record = (type: number, data: Uint8Array, owner = "x.example."): Reply.RawRecord => ({
  owner,
  type,
  ttl: 60,
  data
})

const valid: ReadonlyArray<Uint8Array> = [
  Reply.encode({
    id: 7,
    question: { name: "www.example.", type: codes.A },
    answers: [
      record(codes.CNAME, name("cdn.example."), "www.example."),
      record(codes.A, u8(192, 0, 2, 1), "cdn.example."),
      record(codes.AAAA, new Uint8Array(16), "cdn.example.")
    ],
    additionals: [Reply.opt([{ code: 12, data: new Uint8Array(20) }, { code: 15, data: u8(0, 3, 104, 105) }])]
  }),
  Reply.encode({
    id: 8,
    question: { name: "x.example.", type: codes.ANY },
    answers: [
      record(codes.MX, concat([u16(10), name("mail.example.")])),
      record(codes.SRV, concat([u16(1, 2, 3), name("srv.example.")])),
      record(codes.TXT, concat([string("one"), string("two")])),
      record(codes.NAPTR, concat([u16(1, 2), string("s"), string("sip"), string(""), name("q.example.")])),
      record(codes.CAA, concat([u8(0), string("issue"), u8(120)])),
      record(codes.TLSA, u8(3, 1, 1, 9)),
      record(codes.PTR, concat([string("a b.c"), name("local.")])),
      record(codes.DNAME, name("other.example.")),
      record(codes.RRSIG, new Uint8Array(30)),
      record(codes.NSEC3, new Uint8Array(30)),
      record(codes.HTTPS, u8(0, 1, 0, 0, 1, 0, 3, 2, 104, 50))
    ],
    authorities: [record(codes.SOA, concat([name("ns."), name("admin."), u32(1, 2, 3, 4, 5)]))]
  }),
  Reply.encode({
    id: 10,
    question: { name: "svc.example.", type: codes.HTTPS },
    answers: [
      "1 . mandatory=alpn,port alpn=h2,h3 no-default-alpn port=8443 ipv4hint=192.0.2.1 ech=AQID ipv6hint=2001:db8::1",
      "2 svc.example. key667=x key668=y",
      "0 other.example."
    ].map((text) => record(codes.HTTPS, ServiceData.encodeUnsafe(text), "svc.example."))
  }),
  Reply.encode({
    id: 9,
    question: { name: "many.example.", type: codes.A },
    answers: Array.from({ length: 30 }, (_, i) => record(codes.A, u8(10, 0, 0, i), "many.example."))
  })
]

/** Noise, a soup of pointers, or a valid message with some bytes changed and perhaps cut. */
const message = (index: number, below: (bound: number) => number): Uint8Array => {
  switch (index % 4) {
    case 0: {
      const bytes = new Uint8Array(below(512))
      for (let i = 0; i < bytes.length; i++) bytes[i] = below(256)
      return bytes
    }
    case 1: {
      const bytes = new Uint8Array(12 + below(300))
      for (let i = 0; i < bytes.length; i++) bytes[i] = below(10) < 3 ? 0xc0 : below(64)
      bytes.set(u16(below(2), below(20), below(3), below(3)), 4)
      bytes[2] = 0x81
      return bytes
    }
    default: {
      const bytes = (valid[below(valid.length)] ?? u8()).slice()
      for (let changes = 1 + below(6); changes > 0; changes--) bytes[below(bytes.length)] = below(256)
      return index % 4 === 2 ? bytes : bytes.subarray(0, below(bytes.length + 1))
    }
  }
}

const decodeTimed = (bytes: Uint8Array) => {
  const started = performance.now()
  const result = Message.decode(bytes)
  return { result, ms: performance.now() - started }
}

/** The least processor time of several runs: a busy machine and a collector's pause are not the message's fault. */
const leastMs = (bytes: Uint8Array): number =>
  Math.min(...Array.from({ length: 5 }, () => {
    const before = process.threadCpuUsage()
    Message.decode(bytes)
    const { system, user } = process.threadCpuUsage(before)
    return (system + user) / 1000
  }))

describe("Message.decode", () => {
  it(`gives a message or an error for each of ${count} mutated messages, none in over ${limitMs} ms`, {
    timeout: 120_000
  }, () => {
    // Vitest makes errors carry a hundred frames, which takes longer than all the rest.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    onTestFinished(() => {
      Error.stackTraceLimit = stackTraceLimit
    })
    const below = generator(seed)
    for (const bytes of valid) assert.isTrue(Result.isSuccess(Message.decode(bytes)))
    let decoded = 0
    for (let index = 0; index < count; index++) {
      const bytes = message(index, below)
      const { ms, result } = decodeTimed(bytes)
      if (ms > limitMs) assert.isAtMost(leastMs(bytes), limitMs, `message ${index} of seed ${seed}: ${bytes.join(",")}`)
      if (Result.isSuccess(result)) {
        decoded++
        for (const answer of result.success.answers.slice(0, 3)) {
          Message.formatRecord(answer)
          if (answer.data._tag === "ServiceBinding") ServiceBinding.toServiceRecord(answer.data)
        }
      } else {
        assert.notInclude(result.failure.problem, "Error", `dns-packet threw on message ${index} of seed ${seed}`)
      }
    }
    assert.isAbove(decoded, count / 20)
  })

  it(`decodes the largest messages that the check lets through in under ${limitMs} ms`, () => {
    const owner = concat([...Array.from({ length: 120 }, () => string("a")), u8(0)])
    const head = (records: number) => concat([u16(7, 0x8180, 1, records, 0, 0), owner, u16(1, 1)])
    const addresses = Array.from({ length: 4_000 }, () => concat([u16(0xc00c, 1, 1, 0, 60, 4), u8(192, 0, 2, 1)]))
    // Every owner repeats 120 labels by a pointer of its own.
    const names = Array.from({ length: 130 }, () => concat([string("b"), u16(0xc00c, 65_280, 1, 0, 60, 0)]))
    const largest = ServiceData.encodeUnsafe(`1 . ${Array.from({ length: 15_000 }, (_, i) => `key${i + 7}`).join(" ")}`)
    const services = concat([u16(0xc00c, codes.HTTPS, 1, 0, 60, largest.length), largest])
    for (
      const bytes of [
        concat([head(4_000), ...addresses]),
        concat([head(130), ...names]),
        concat([head(1), services])
      ]
    ) {
      for (let warm = 0; warm < 20; warm++) Message.decode(bytes)
      assert.isTrue(Result.isSuccess(Message.decode(bytes)))
      assert.isAtMost(leastMs(bytes), limitMs)
    }
  })
})
