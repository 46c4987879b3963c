import { assert, describe, it } from "@effect/vitest"
import { Edns, Message, RecordType } from "@happy-eyeballs/dns"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as Host from "effect/net/Host"
import * as Result from "effect/Result"

const { codes } = RecordType
const name = Host.domainNameFromStringUnsafe
const decode = (bytes: Uint8Array) => Result.getOrThrow(Message.decode(bytes))
const ask = (zone: ReadonlyArray<string>, host: string, type: number) => {
  const query = Message.encode({ name: name(host), type }, { id: 7 })
  return decode(Zone.answer(Zone.fromLinesUnsafe(zone), query) ?? new Uint8Array())
}

describe("Message.encode", () => {
  it("asks one question with recursion, AD and EDNS of 1 232 bytes", () => {
    const query = decode(Message.encode({ name: name("www.example"), type: codes.AAAA }, { id: 0xbeef }))
    assert.deepStrictEqual(query.question, { name: "www.example.", type: codes.AAAA, class: 1 })
    assert.strictEqual(query.id, 0xbeef)
    assert.isTrue(query.isAuthenticated)
    assert.deepStrictEqual(query.edns, { payloadSize: 1232, version: 0, options: [] })
  })

  it("asks for any type by its number, HTTPS among them", () => {
    for (const type of [codes.HTTPS, 65_280]) {
      const query = decode(Message.encode({ name: name("www.example"), type }, { id: 1 }))
      assert.strictEqual(query.question?.type, type)
    }
  })

  it("leaves EDNS out where it is not wanted", () => {
    assert.isUndefined(decode(Message.encode({ name: name("a.b"), type: 1 }, { id: 1, edns: false })).edns)
  })

  it.each(["a.b", "x".repeat(63) + ".example", `${"ab.".repeat(70)}example`, "."])(
    "pads a query for %s to a multiple of 128 bytes",
    (host) => {
      const bytes = Message.encode({ name: name(host), type: 1 }, { id: 1, padded: true })
      assert.strictEqual(bytes.length % 128, 0)
      assert.deepStrictEqual(decode(bytes).edns?.options.map(({ code }) => code), [12])
    }
  )
})

describe("Message.decode", () => {
  it("gives every record type of effect/net, with names in lower case and a final dot", () => {
    const zone = [
      "x.example. 60 IN A 192.0.2.1",
      "x.example. 60 IN AAAA 2001:db8::1",
      "x.example. 60 IN NS NS.example.",
      "x.example. 60 IN PTR Host.example.",
      "x.example. 60 IN MX 10 Mail.example.",
      "x.example. 60 IN SRV 1 2 3 Srv.example.",
      "x.example. 60 IN TXT \"one\" \"two words\"",
      "x.example. 60 IN CAA \\# 21 00 05 69737375 65 6C657473656E63727970742E6F7267",
      "x.example. 60 IN TLSA \\# 5 03 01 01 ABCD",
      "x.example. 60 IN NAPTR \\# 23 0001 0002 01 73 03 536970 00 04 5F736970 07 6578616D706C65 00"
    ]
    const data = (type: number) => ask(zone, "x.example", type).answers.map(Message.formatRecord)
    assert.deepStrictEqual(data(codes.A), ["x.example. 60 IN A 192.0.2.1"])
    assert.deepStrictEqual(data(codes.AAAA), ["x.example. 60 IN AAAA 2001:db8::1"])
    assert.deepStrictEqual(data(codes.NS), ["x.example. 60 IN NS ns.example."])
    assert.deepStrictEqual(data(codes.PTR), ["x.example. 60 IN PTR Host.example."])
    assert.deepStrictEqual(data(codes.MX), ["x.example. 60 IN MX 10 mail.example."])
    assert.deepStrictEqual(data(codes.SRV), ["x.example. 60 IN SRV 1 2 3 srv.example."])
    assert.deepStrictEqual(data(codes.TXT), ["x.example. 60 IN TXT \"one\" \"two words\""])
    assert.deepStrictEqual(data(codes.CAA), ["x.example. 60 IN CAA 0 issue \"letsencrypt.org\""])
    assert.deepStrictEqual(data(codes.TLSA), ["x.example. 60 IN TLSA 3 1 1 ABCD"])
    assert.deepStrictEqual(data(codes.NAPTR), ["x.example. 60 IN NAPTR 1 2 \"s\" \"Sip\" \"\" _sip.example."])
    const soa = ask(zone, "y.example", codes.A).authorities.map(Message.formatRecord)
    assert.deepStrictEqual(soa, ["example. 60 IN SOA ns.test. admin.test. 1 3600 600 86400 60"])
  })

  it("keeps a type without a model as bytes", () => {
    const [record] = ask(["x.example. 60 IN TYPE65280 \\# 3 ABCDEF"], "x.example", 65_280).answers
    assert.deepStrictEqual(record?.data, { _tag: "Opaque", bytes: Uint8Array.of(0xab, 0xcd, 0xef) })
    assert.strictEqual(record && Message.formatRecord(record), "x.example. 60 IN TYPE65280 \\# 3 ABCDEF")
  })

  it("keeps an alias to what is no host name as bytes, and the rest of the message with it", () => {
    const zone = ["x.example. 60 IN TYPE5 \\# 7 03 61 20 62 01 63 00"]
    const [record] = ask(zone, "x.example", codes.CNAME).answers
    assert.strictEqual(record?.data._tag, "Opaque")
  })

  it("takes a time to live of 2^31 and more for zero", () => {
    const [a, b] = ask(["x.example. 2147483648 IN A 192.0.2.1", "x.example. 2147483647 IN A 192.0.2.2"], "x.example", 1)
      .answers
    assert.strictEqual(a?.ttl, 0)
    assert.strictEqual(b?.ttl, 2_147_483_647)
  })

  it("leaves records of other classes out", () => {
    const bytes = Reply.encode({
      id: 1,
      question: { name: "x.", type: 1 },
      answers: [{ owner: "x.", type: 1, class: 3, ttl: 1, data: Uint8Array.of(1, 2, 3, 4) }]
    })
    assert.deepStrictEqual(decode(bytes).answers, [])
  })

  it("joins the response code of the header and of EDNS", () => {
    const bytes = Reply.encode({ id: 1, question: undefined, additionals: [Reply.opt([], 1)] })
    assert.strictEqual(Message.formatRcode(decode(bytes).rcode), "BADVERS")
  })

  it("surfaces extended errors, without characters that a terminal would obey", () => {
    const data = Uint8Array.from([0, 18, ...Array.from("no\u001b[31m", (c) => c.charCodeAt(0))])
    const { edns } = decode(
      Reply.encode({ id: 1, question: undefined, additionals: [Reply.opt([{ code: 15, data }])] })
    )
    assert.deepStrictEqual(Edns.extendedErrors(edns).map(Edns.formatExtendedError), [
      "EDE 18 (Prohibited): no\u{fffd}[31m"
    ])
  })

  it("does not take a Kelvin sign for a k", () => {
    const bytes = Reply.concat([
      Reply.u16(1, 0x8180, 1, 0, 0, 0),
      Reply.string("BAN\u00e2\u0084\u00aa"),
      Reply.u8(0),
      Reply.u16(1, 1)
    ])
    assert.strictEqual(decode(bytes).question?.name, "ban\u212a.")
  })

  it("turns what is left for dns-packet to refuse into the same error", () => {
    assert.isTrue(Result.isFailure(Message.decode(Uint8Array.of(1, 2, 3))))
  })
})

describe("Message.isReplyTo", () => {
  const question: Message.Question = { name: name("www.example"), type: codes.A }
  const reply = (changes: Partial<Reply.Reply>) =>
    decode(Reply.encode({ id: 7, question: { name: "WWW.Example.", type: codes.A }, ...changes }))

  it("wants the id, the type and the name, in any case", () => {
    assert.isTrue(Message.isReplyTo(reply({}), 7, question))
    assert.isFalse(Message.isReplyTo(reply({ id: 8 }), 7, question))
    assert.isFalse(Message.isReplyTo(reply({ question: { name: "www.example.", type: 28 } }), 7, question))
    assert.isFalse(Message.isReplyTo(reply({ question: { name: "www.examples.", type: 1 } }), 7, question))
    assert.isFalse(Message.isReplyTo(decode(Message.encode(question, { id: 7 })), 7, question))
  })

  it("takes a reply without a question only where the server did not understand the query", () => {
    assert.isTrue(Message.isReplyTo(reply({ question: undefined, rcode: 1 }), 7, question))
    assert.isFalse(Message.isReplyTo(reply({ question: undefined, rcode: 0 }), 7, question))
    assert.isFalse(Message.isReplyTo(reply({ question: undefined, rcode: 3 }), 7, question))
  })
})

describe("Zone.answer", () => {
  it("follows aliases, and tells a name without records from no name", () => {
    const zone = ["a.example. 9 IN CNAME b.example.", "b.example. 60 IN A 192.0.2.1"]
    assert.deepStrictEqual(ask(zone, "a.example", codes.A).answers.map(({ data }) => data._tag), ["CNAME", "A"])
    assert.strictEqual(ask(zone, "b.example", codes.AAAA).rcode, Message.rcodes.NOERROR)
    assert.strictEqual(ask(zone, "c.example", codes.AAAA).rcode, Message.rcodes.NXDOMAIN)
  })
})
