import { assert, describe, it } from "@effect/vitest"
import { Message, RecordType, ServiceBinding } from "@happy-eyeballs/dns"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

const { codes } = RecordType
const { concat, name, string, u16, u8 } = Reply
const { keys } = ServiceBinding

const parameter = (key: number, value: Uint8Array, length = value.length) => concat([u16(key, length), value])
const text = (value: string) => Uint8Array.from(value, (character) => character.charCodeAt(0))
const rdata = (priority: number, target: string, ...parameters: ReadonlyArray<Uint8Array>) =>
  concat([u16(priority), name(target), ...parameters])
const mode = (...parameters: ReadonlyArray<Uint8Array>) => rdata(1, ".", ...parameters)

const decoded = (bytes: Uint8Array) => Result.getOrThrow(ServiceBinding.decode(bytes))
const problem = (bytes: Uint8Array) =>
  Result.match(ServiceBinding.decode(bytes), { onFailure: (problem) => problem, onSuccess: () => "none" })

const h2 = parameter(keys.alpn, string("h2"))
const v4 = u8(192, 0, 2, 1)
const v6 = concat([u8(0x20, 1, 0x0d, 0xb8), new Uint8Array(11), u8(1)])

describe("ServiceBinding.decode", () => {
  // The vectors of RFC 9460, appendix D, in words.
  it.each<[string, Uint8Array]>([
    ["0 foo.example.com.", rdata(0, "foo.example.com.")],
    ["1 .", rdata(1, ".")],
    ["16 foo.example.com. port=53", rdata(16, "foo.example.com.", parameter(3, u16(53)))],
    ["1 foo.example.com. key667=\"hello\"", rdata(1, "foo.example.com.", parameter(667, text("hello")))],
    [
      "1 foo.example.com. key667=\"hello\\210qoo\"",
      rdata(1, "foo.example.com.", parameter(667, concat([text("hello"), u8(210), text("qoo")])))
    ],
    [
      "1 foo.example.com. ipv6hint=2001:db8::1,2001:db8::53:1",
      rdata(
        1,
        "foo.example.com.",
        parameter(6, concat([v6, u16(0x2001, 0xdb8, 0, 0, 0, 0, 0x53, 1)]))
      )
    ],
    [
      "16 foo.example.org. mandatory=alpn,ipv4hint alpn=h2,h3-19 ipv4hint=192.0.2.1",
      rdata(
        16,
        "foo.example.org.",
        parameter(0, u16(1, 4)),
        parameter(1, concat([string("h2"), string("h3-19")])),
        parameter(4, v4)
      )
    ],
    [
      "16 foo.example.org. alpn=f\\\\\\\\oo\\\\,bar,h2",
      rdata(16, "foo.example.org.", parameter(1, concat([string("f\\oo,bar"), string("h2")])))
    ]
  ])("prints %s", (expected, bytes) => {
    assert.strictEqual(ServiceBinding.format(decoded(bytes)), expected)
  })

  it.each<[string, Uint8Array, string]>([
    ["a priority cut off", u8(0), "its target is no uncompressed name"],
    ["no target", u16(1), "its target is no uncompressed name"],
    ["a target cut off", concat([u16(1), u8(3, 97)]), "its target is no uncompressed name"],
    ["a target without an end", concat([u16(1), string("a")]), "its target is no uncompressed name"],
    ["a compressed target", u8(0, 1, 0xc0, 12), "its target is no uncompressed name"],
    [
      "a target of 257 bytes",
      concat([u16(1), ...Array.from({ length: 4 }, () => string("x".repeat(63))), u8(0)]),
      "its target is no uncompressed name"
    ],
    ["a parameter without a length", mode(u16(1)), "a parameter is cut off"],
    ["a parameter of one byte", mode(u8(0)), "a parameter is cut off"],
    ["a value cut off", mode(parameter(1, string("h2"), 9)), "a parameter is cut off"],
    ["a parameter cut off in alias mode", rdata(0, ".", u16(1, 9)), "a parameter is cut off"],
    ["keys in another order", mode(parameter(3, u16(1)), h2), "alpn comes after port"],
    ["a key twice", mode(h2, h2), "alpn comes after alpn"],
    ["keys in another order in alias mode", rdata(0, ".", h2, parameter(0, u16(1))), "mandatory comes after alpn"],
    ["an empty alpn", mode(parameter(1, u8())), "alpn is no list of protocols"],
    ["an empty alpn id", mode(parameter(1, u8(0))), "alpn is no list of protocols"],
    [
      "an empty alpn id after another",
      mode(parameter(1, concat([string("h2"), u8(0)]))),
      "alpn is no list of protocols"
    ],
    ["an alpn id beyond its value", mode(parameter(1, u8(3, 104, 50))), "alpn is no list of protocols"],
    ["no-default-alpn with a value", mode(h2, parameter(2, u8(1))), "no-default-alpn has a value"],
    ["no-default-alpn alone", mode(parameter(2, u8())), "no-default-alpn is there without alpn"],
    ["a port of no bytes", mode(parameter(3, u8())), "port is no port"],
    ["a port of one byte", mode(parameter(3, u8(1))), "port is no port"],
    ["a port of three bytes", mode(parameter(3, u8(0, 1, 2))), "port is no port"],
    ["no IPv4 hints", mode(parameter(4, u8())), "ipv4hint is no list of IPv4 addresses"],
    ["an IPv4 hint of five bytes", mode(parameter(4, concat([v4, u8(1)]))), "ipv4hint is no list of IPv4 addresses"],
    ["no IPv6 hints", mode(parameter(6, u8())), "ipv6hint is no list of IPv6 addresses"],
    ["an IPv6 hint of four bytes", mode(parameter(6, v4)), "ipv6hint is no list of IPv6 addresses"],
    ["an empty mandatory", mode(parameter(0, u8())), "mandatory is no list of keys"],
    ["a mandatory of three bytes", mode(parameter(0, u8(0, 1, 0)), h2), "mandatory is no list of keys"],
    ["a mandatory that names itself", mode(parameter(0, u16(0))), "mandatory names itself"],
    ["a mandatory key twice", mode(parameter(0, u16(1, 1)), h2), "mandatory does not ascend"],
    [
      "mandatory keys in another order",
      mode(parameter(0, u16(3, 1)), h2, parameter(3, u16(1))),
      "mandatory does not ascend"
    ],
    ["a mandatory key that is missing", mode(parameter(0, u16(1, 3)), h2), "mandatory names port, which is not there"],
    [
      "an unknown mandatory key that is missing",
      mode(parameter(0, u16(667))),
      "mandatory names key667, which is not there"
    ]
  ])("refuses %s", (_, bytes, expected) => {
    assert.strictEqual(problem(bytes), expected)
  })

  it("refuses every record that is cut off anywhere, or has a byte more", () => {
    const whole = mode(parameter(0, u16(1)), h2, parameter(3, u16(8443)), parameter(4, v4), parameter(6, v6))
    const ends = new Set([3, 16, 22, 30])
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length)
      // Where a parameter ends the record may end, as long as nothing mandatory is missing.
      assert.strictEqual(problem(cut) === "none", ends.has(length), `${length} bytes`)
    }
    assert.strictEqual(problem(concat([whole, u8(0)])), "a parameter is cut off")
  })

  it("looks at no value in alias mode", () => {
    const alias = decoded(rdata(0, "svc.example.", parameter(1, u8(0)), parameter(3, u8(1))))
    assert.strictEqual(ServiceBinding.format(alias), "0 svc.example. alpn=\"\\000\" port=\"\\001\"")
    assert.deepStrictEqual(ServiceBinding.toServiceRecord(alias), {
      priority: 0,
      target: Host.domainNameFromStringUnsafe("svc.example."),
      alpn: [],
      noDefaultAlpn: false,
      port: undefined,
      ipv4hint: [],
      ipv6hint: [],
      mandatory: [],
      ech: undefined
    })
  })

  it("decodes the largest record in under 5 ms", () => {
    const many = (key: number, length: number) => parameter(key, new Uint8Array(length).fill(1))
    const largest = [
      mode(...Array.from({ length: 16_000 }, (_, i) => parameter(i + 7, u8()))),
      mode(many(1, 65_000)),
      mode(
        parameter(0, u16(...Array.from({ length: 13_000 }, (_, i) => i + 7))),
        ...Array.from({ length: 9_000 }, (_, i) => parameter(i + 7, u8()))
      )
    ]
    for (const bytes of largest) {
      const least = Math.min(...Array.from({ length: 20 }, () => {
        const started = process.threadCpuUsage()
        ServiceBinding.decode(bytes)
        const { system, user } = process.threadCpuUsage(started)
        return (system + user) / 1000
      }))
      assert.isBelow(least, 5)
    }
  })
})

describe("ServiceBinding.toServiceRecord", () => {
  it("gives every parameter that is understood, and no other", () => {
    const record = ServiceBinding.toServiceRecord(decoded(rdata(
      2,
      "SVC.example.",
      parameter(0, u16(1, 3)),
      parameter(1, concat([string("h2"), string("h3")])),
      parameter(2, u8()),
      parameter(3, u16(8443)),
      parameter(4, concat([v4, u8(192, 0, 2, 2)])),
      parameter(5, u8(1, 2, 3)),
      parameter(6, v6),
      parameter(667, u8(9))
    )))
    assert.deepStrictEqual(
      {
        ...record,
        ipv4hint: record?.ipv4hint.map(NetAddress.formatIp),
        ipv6hint: record?.ipv6hint.map(NetAddress.formatIp)
      },
      {
        priority: 2,
        target: "svc.example.",
        alpn: ["h2", "h3"],
        noDefaultAlpn: true,
        port: 8443,
        ipv4hint: ["192.0.2.1", "192.0.2.2"],
        ipv6hint: ["2001:db8::1"],
        mandatory: [1, 3],
        ech: u8(1, 2, 3)
      }
    )
  })

  it.each<[string, Uint8Array]>([
    ["an unknown mandatory key", mode(parameter(0, u16(667)), parameter(667, u8()))],
    ["mandatory ech, which nobody here can do", mode(parameter(0, u16(5)), parameter(5, u8(1)))],
    ["port 0", mode(parameter(3, u16(0)))],
    ["a target that is no host name", rdata(1, "a b.example.")],
    ["a target with a dot in a label", concat([u16(1), string("a.b"), u8(0)])]
  ])("passes over a record with %s", (_, bytes) => {
    assert.isUndefined(ServiceBinding.toServiceRecord(decoded(bytes)))
  })

  it("takes no more than 64 protocols, and 64 hints of a family", () => {
    const record = ServiceBinding.toServiceRecord(
      decoded(
        mode(
          parameter(1, concat(Array.from({ length: 65 }, () => string("h2")))),
          parameter(4, new Uint8Array(4 * 65)),
          parameter(6, new Uint8Array(16 * 65))
        )
      )
    )
    assert.deepStrictEqual([record?.alpn.length, record?.ipv4hint.length, record?.ipv6hint.length], [64, 64, 64])
  })

  it("keeps the bytes of a protocol's id, whatever they are", () => {
    assert.deepStrictEqual(ServiceBinding.toServiceRecord(decoded(mode(parameter(1, u8(2, 0xea, 0xea)))))?.alpn, [
      "\xea\xea"
    ])
  })
})

describe("ServiceBinding.format", () => {
  it.each<[string, Uint8Array]>([
    ["1 . alpn=\"a b,;\"", mode(parameter(1, concat([string("a b"), string(";")])))],
    ["1 . alpn=\\\\\\\\123,\\234", mode(parameter(1, concat([string("\\123"), u8(1, 234)])))],
    ["1 . alpn=\"\\\"\"", mode(parameter(1, string("\"")))],
    ["1 . key667", mode(parameter(667, u8()))],
    ["1 . key667=\"a b;c\\\"d\\\\e\"", mode(parameter(667, text("a b;c\"d\\e")))],
    ["1 . ech=AQID", mode(parameter(5, u8(1, 2, 3)))],
    ["1 a\\.b\\000.c. port=1", concat([u16(1), string("A.b\0"), string("c"), u8(0), parameter(3, u16(1))])]
  ])("prints %s", (expected, bytes) => {
    assert.strictEqual(ServiceBinding.format(decoded(bytes)), expected)
  })
})

describe("Message.decode", () => {
  const answers = (...data: ReadonlyArray<Uint8Array>) =>
    Result.getOrThrow(Message.decode(Reply.encode({
      id: 7,
      question: { name: "svc.example.", type: codes.HTTPS },
      answers: data.map((bytes) => ({ owner: "svc.example.", type: codes.HTTPS, ttl: 60, data: bytes }))
    }))).answers

  it("loses neither a message nor its other records for a malformed one, and says what is wrong with it", () => {
    const [first, second] = answers(mode(h2), mode(parameter(3, u8())))
    assert.strictEqual(first?.data._tag, "ServiceBinding")
    assert.deepStrictEqual(second?.data, {
      _tag: "Opaque",
      bytes: mode(parameter(3, u8())),
      problem: "port is no port"
    })
    assert.strictEqual(second === undefined ? "" : Message.formatData(second), "\\# 7 00010000030000")
  })

  it("keeps no part of the message it came in", () => {
    const [record] = answers(mode(h2))
    assert.deepStrictEqual(
      record?.data._tag === "ServiceBinding" ? [record.data.wire.buffer.byteLength] : [],
      [mode(h2).length]
    )
  })
})

describe("Zone.fromLinesUnsafe", () => {
  it.each([
    "0 svc.example.",
    "1 . mandatory=alpn,port,key667 alpn=h2,h3 no-default-alpn port=8443 ipv4hint=192.0.2.1 ech=AQID ipv6hint=2001:db8::1 key667=\"x\""
  ])("writes what is printed as %s", (data) => {
    const { records } = Zone.fromLinesUnsafe([`svc.example. 60 IN HTTPS ${data}`])
    const [record] = records.get("svc.example.") ?? []
    assert.strictEqual(ServiceBinding.format(decoded(record?.data ?? u8())), data)
  })
})
