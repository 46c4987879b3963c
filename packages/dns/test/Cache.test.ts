import { assert, describe, it } from "@effect/vitest"
import { Alias, Cache, Message, RecordType } from "@happy-eyeballs/dns"
import * as Duration from "effect/Duration"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"

const { codes } = RecordType
const name = Host.domainNameFromStringUnsafe
const a = (owner: string, last: number, ttl = 60): Message.ResourceRecord => ({
  owner,
  type: codes.A,
  ttl,
  data: Dns.makeRecordUnsafe("A", { address: NetAddress.ipv4FromBytesUnsafe(Uint8Array.of(192, 0, 2, last)) })
})
const alias = (owner: string, target: string, ttl = 60): Message.ResourceRecord => ({
  owner,
  type: codes.CNAME,
  ttl,
  data: Dns.makeRecordUnsafe("CNAME", { target: name(target) })
})
const ask = (text: string, type: number = codes.A): Message.Question => ({ name: name(text), type })
const positive = (ttl: number, ...records: ReadonlyArray<Message.ResourceRecord>): Cache.Content => ({
  rcode: 0,
  records,
  ttl
})
const denied = (ttl: number): Cache.Content => ({ rcode: 3, records: [], ttl })
const empty = (ttl: number): Cache.Content => ({ rcode: 0, records: [], ttl })
const www = ask("www.example")
const data = (hit: Cache.Hit<Cache.Content> | undefined) => hit?.records.map(Message.formatData)

describe("Cache", () => {
  it("counts times to live down, and forgets when they have passed", () => {
    const cache = new Cache.Cache()
    cache.set(www, positive(20, alias("www.example.", "cdn.example.", 20), a("cdn.example.", 1, 300)), 1000)
    const hit = cache.get(www, 16_500)
    assert.deepStrictEqual(hit?.records.map(({ ttl }) => ttl), [5, 285])
    assert.strictEqual(hit?.ttl, 5)
    assert.isUndefined(cache.get(www, 21_000))
    assert.strictEqual(cache.statistics.records, 0)
  })

  it("does not keep what holds for no time", () => {
    const cache = new Cache.Cache()
    cache.set(www, positive(0, a("www.example.", 1, 0)), 0)
    assert.isUndefined(cache.get(www, 0))
  })

  it("forgets everything when the clock is set back", () => {
    const cache = new Cache.Cache()
    cache.set(www, positive(60, a("www.example.", 1)), 100_000)
    assert.isUndefined(cache.get(www, 99_999))
  })

  it("begins with another record at each hit, and leaves aliases where they are", () => {
    const cache = new Cache.Cache()
    cache.set(
      www,
      positive(60, alias("www.example.", "x.example."), ...[1, 2, 3].map((last) => a("x.example.", last))),
      0
    )
    const hits = [1, 2, 3, 4].map(() => data(cache.get(www, 1)))
    assert.deepStrictEqual(hits.map((hit) => hit?.[0]), Array.from({ length: 4 }, () => "x.example."))
    assert.deepStrictEqual(hits.map((hit) => hit?.[1]), ["192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.2"])
  })

  it("does not care for case or a final dot", () => {
    const cache = new Cache.Cache()
    cache.set(ask("WWW.example."), positive(60, a("www.example.", 1)), 0)
    assert.isDefined(cache.get(www, 1))
  })

  it("keeps a missing type apart from a missing name, and neither for more than 30 s", () => {
    const cache = new Cache.Cache()
    cache.set(ask("v4only.example", codes.AAAA), empty(3600), 0)
    assert.strictEqual(cache.get(ask("v4only.example", codes.AAAA), 29_999)?.content.rcode, 0)
    assert.isUndefined(cache.get(ask("v4only.example", codes.AAAA), 30_000))
    assert.isUndefined(cache.get(ask("v4only.example", codes.A), 1))
    cache.set(ask("gone.example"), denied(3600), 40_000)
    for (const other of ["gone.example", "below.gone.example", "far.below.gone.example"]) {
      assert.strictEqual(cache.get(ask(other, codes.MX), 40_001)?.content.rcode, 3, other)
    }
    assert.isUndefined(cache.get(ask("notgone.example"), 40_001))
    assert.isUndefined(cache.get(ask("example"), 40_001))
  })

  it("does not take the end of an alias for the name itself where the end does not exist", () => {
    const cache = new Cache.Cache()
    cache.set(www, { ...denied(60), records: [alias("www.example.", "gone.example.")] }, 0)
    assert.strictEqual(cache.get(www, 1)?.content.rcode, 3)
    assert.isUndefined(cache.get(ask("www.example", codes.MX), 1))
    assert.isUndefined(cache.get(ask("below.www.example"), 1))
  })

  it("forgets what was used least recently when it is full", () => {
    const cache = new Cache.Cache({ capacity: 6 })
    for (const text of ["a.example", "b.example", "c.example"]) cache.set(ask(text), positive(60, a(`${text}.`, 1)), 0)
    cache.get(ask("a.example"), 1)
    cache.set(ask("d.example"), positive(60, a("d.example.", 1)), 1)
    assert.isUndefined(cache.get(ask("b.example"), 2))
    assert.isDefined(cache.get(ask("a.example"), 2))
    assert.deepStrictEqual(cache.statistics, { hits: 2, staleHits: 0, misses: 1, evictions: 1, entries: 3, records: 6 })
    cache.set(ask("huge.example"), positive(60, ...Array.from({ length: 7 }, (_, i) => a("huge.example.", i))), 2)
    assert.isUndefined(cache.get(ask("huge.example"), 2))
  })

  it("counts a record by its length where a server may make it as long as a message", () => {
    const bytes = new Uint8Array(60_000)
    const long: ReadonlyArray<Message.ResourceRecord["data"]> = [
      { _tag: "Opaque", bytes },
      { _tag: "ServiceBinding", priority: 1, target: ".", wire: bytes },
      Dns.makeRecordUnsafe("TXT", { chunks: ["x".repeat(60_000)] })
    ]
    for (const data of long) {
      const cache = new Cache.Cache()
      for (let i = 0; i < 200; i++) {
        const record = { owner: `n${i}.example.`, type: codes.HTTPS, ttl: 60, data }
        cache.set(ask(`n${i}.example`, codes.HTTPS), positive(60, record), 0)
      }
      // 10 000 at 256 bytes each: 2.5 MB, and not 600.
      assert.strictEqual(cache.statistics.entries, 42)
    }
  })

  it("keeps nothing with a capacity of 0", () => {
    const cache = new Cache.Cache({ capacity: 0 })
    cache.set(www, positive(60, a("www.example.", 1)), 0)
    assert.isUndefined(cache.get(www, 0))
  })

  it("gives what no longer holds as stale, for 30 s at a time, as long as it is told", () => {
    const cache = new Cache.Cache({ staleFor: Duration.hours(1) })
    cache.set(www, positive(60, a("www.example.", 1)), 0)
    assert.isFalse(cache.get(www, 59_999)?.stale)
    const hit = cache.get(www, 3_000_000)
    assert.deepStrictEqual([hit?.stale, hit?.ttl, hit?.records[0]?.ttl], [true, 30, 30])
    assert.isUndefined(cache.get(www, 3_660_000))
  })

  it("says when less than a tenth of the time is left", () => {
    const cache = new Cache.Cache()
    cache.set(www, positive(100, a("www.example.", 1, 100)), 0)
    assert.deepStrictEqual([cache.get(www, 89_999)?.expiring, cache.get(www, 90_000)?.expiring], [false, true])
  })

  it("forgets a name and all below it, or everything", () => {
    const cache = new Cache.Cache()
    for (const text of ["example", "a.example", "b.a.example", "notexample"]) {
      cache.set(ask(text), positive(60, a(`${text}.`, 1)), 0)
    }
    cache.flush(name("a.example."))
    assert.strictEqual(cache.statistics.entries, 2)
    cache.flush(name("example"))
    assert.strictEqual(cache.statistics.entries, 1)
    cache.flush()
    assert.deepStrictEqual([cache.statistics.entries, cache.statistics.records], [0, 0])
  })
})

describe("Cache.negativeTtl", () => {
  const soa = (ttl: number, minimum: number): Message.ResourceRecord => ({
    owner: "example.",
    type: codes.SOA,
    ttl,
    data: Dns.makeRecordUnsafe("SOA", {
      primary: name("ns.example."),
      admin: "admin.example.",
      serial: 1,
      refresh: Duration.seconds(1),
      retry: Duration.seconds(1),
      expire: Duration.seconds(1),
      minimum: Duration.seconds(minimum)
    })
  })

  it("is the lesser of the SOA's own time and its minimum, and nothing without a SOA", () => {
    assert.deepStrictEqual([soa(5, 60), soa(60, 5)].map((record) => Cache.negativeTtl([record])), [5, 5])
    assert.strictEqual(Cache.negativeTtl([]), 0)
  })
})

describe("Alias.walk", () => {
  it("follows aliases in any order of records, and leaves out what was not asked for", () => {
    const walk = Alias.walk([
      a("c.example.", 3),
      a("other.example.", 9),
      alias("b.example.", "c.example."),
      alias("www.example.", "b.example.")
    ], www)
    assert.deepStrictEqual(walk.records.map(({ owner }) => owner), ["www.example.", "b.example.", "c.example."])
    assert.deepStrictEqual([walk.found, walk.aliases, walk.end], [true, 2, name("c.example")])
  })

  it("stops at a loop and after 16 aliases", () => {
    assert.isUndefined(Alias.walk([alias("www.example.", "b.example."), alias("b.example.", "www.example.")], www).end)
    const chain = (length: number) =>
      Array.from({ length }, (_, i) => alias(i === 0 ? "www.example." : `n${i}.example.`, `n${i + 1}.example.`))
    assert.strictEqual(Alias.walk(chain(16), www).aliases, 16)
    assert.isDefined(Alias.walk(chain(16), www).end)
    assert.isUndefined(Alias.walk(chain(17), www).end)
  })

  it("gives an alias itself where aliases are asked for", () => {
    const walk = Alias.walk([alias("www.example.", "b.example.")], ask("www.example", codes.CNAME))
    assert.deepStrictEqual([walk.found, walk.records.length], [true, 1])
  })
})
