/**
 * What name servers have said, for as long as they said that it holds.
 *
 * A plain table in memory: times come in as numbers and nothing here waits. It
 * is bounded, forgets what was used least recently, and keeps negative answers
 * for a short time only.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Host from "effect/net/Host"
import * as Message from "./Message.ts"
import { codes } from "./RecordType.ts"

/**
 * What is kept of an answer. `records` has the whole alias chain, with the
 * times to live that the server gave.
 *
 * @category models
 * @since 0.1.0
 */
export interface Content {
  readonly rcode: number
  readonly records: ReadonlyArray<Message.ResourceRecord>
  /** How long it holds, in seconds. */
  readonly ttl: number
}

/**
 * An answer found, its times to live counted down.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hit<A extends Content> {
  readonly content: A
  readonly records: ReadonlyArray<Message.ResourceRecord>
  readonly ttl: number
  /** It no longer holds, and is kept for when no name server answers. */
  readonly stale: boolean
  /** Less than a tenth of its time is left. */
  readonly expiring: boolean
}

/**
 * How much is kept and for how long.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many records are kept; long ones count as several. Default 10 000; 0 keeps none. */
  readonly capacity?: number | undefined
  /** The longest that an answer is kept. Default one day. */
  readonly maxTtl?: Duration.Duration | undefined
  /**
   * The longest that a negative answer is kept. Default 30 s: a service that
   * starts before its record exists must not stay without it.
   */
  readonly maxNegativeTtl?: Duration.Duration | undefined
  /** How long an answer is kept after it no longer holds. Default: not at all. */
  readonly staleFor?: Duration.Duration | undefined
}

/**
 * What a cache has done since it was made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly hits: number
  readonly staleHits: number
  readonly misses: number
  readonly evictions: number
  readonly entries: number
  readonly records: number
}

interface Entry<A> {
  readonly content: A
  readonly storedAt: number
  readonly weight: number
  hits: number
}

/**
 * A table of answers. Times are Unix milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export class Cache<A extends Content> {
  private readonly entries = new Map<string, Entry<A>>()
  private readonly capacity: number
  private readonly maxTtl: number
  private readonly maxNegativeTtl: number
  private readonly staleMs: number
  private weight = 0
  private counts = { hits: 0, staleHits: 0, misses: 0, evictions: 0 }

  constructor(options: Options = {}) {
    this.capacity = options.capacity ?? 10_000
    this.maxTtl = Duration.toSeconds(options.maxTtl ?? Duration.days(1))
    this.maxNegativeTtl = Duration.toSeconds(options.maxNegativeTtl ?? Duration.seconds(30))
    this.staleMs = Duration.toMillis(options.staleFor ?? Duration.zero)
  }

  /**
   * Finds an answer to a question, or one that covers it: a name that does not
   * exist has no types and nothing below it (RFC 8020).
   *
   * @since 0.1.0
   */
  get(question: Message.Question, now: number): Hit<A> | undefined {
    const found = this.find(question, now)
    if (found === undefined) this.counts.misses++
    else if (found.stale) this.counts.staleHits++
    else this.counts.hits++
    return found
  }

  /**
   * Keeps an answer, unless it holds for no time at all.
   *
   * @since 0.1.0
   */
  set(question: Message.Question, content: A, now: number): void {
    const positive = content.rcode === Message.rcodes.NOERROR &&
      content.records.some(({ type }) => type === question.type)
    const ttl = Math.min(content.ttl, positive ? this.maxTtl : this.maxNegativeTtl)
    const weight = content.records.reduce((sum, record) => sum + weightOf(record), 1)
    if (ttl <= 0 || weight > this.capacity) return
    // NXDOMAIN after an alias is said of the alias's target, not of the name.
    const covers = content.rcode === Message.rcodes.NXDOMAIN && content.records.length === 0
    this.put(covers ? nameKey(question.name) : typeKey(question), {
      content: { ...content, ttl },
      storedAt: now,
      weight,
      hits: 0
    })
  }

  /**
   * Forgets everything, or a name and all below it.
   *
   * @since 0.1.0
   */
  flush(name?: Host.DomainName): void {
    const suffix = name === undefined ? undefined : Host.toRelative(name)
    for (const [key, entry] of this.entries) {
      const owner = key.slice(key.indexOf(" ") + 1)
      if (suffix === undefined || suffix === "." || owner === suffix || owner.endsWith(`.${suffix}`)) {
        this.drop(key, entry)
      }
    }
  }

  /**
   * Gives what the cache has done.
   *
   * @since 0.1.0
   */
  get statistics(): Statistics {
    return { ...this.counts, entries: this.entries.size, records: this.weight }
  }

  private find(question: Message.Question, now: number): Hit<A> | undefined {
    const exact = this.look(typeKey(question), now, question.type)
    if (exact !== undefined && !exact.stale) return exact
    let name: string = Host.toRelative(question.name)
    for (;;) {
      const denied = this.look(nameKey(name), now, question.type)
      if (denied !== undefined && !denied.stale) return denied
      const dot = name.indexOf(".")
      if (dot === -1 || dot === name.length - 1) return exact
      name = name.slice(dot + 1)
    }
  }

  private look(key: string, now: number, type: number): Hit<A> | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    // Wall-clock time: a laptop that slept has old answers, and the monotonic clock
    // slept with it. A clock that was set back makes everything old.
    const age = now - entry.storedAt
    const lifetime = entry.content.ttl * 1000
    if (age < 0 || age >= lifetime + this.staleMs) {
      this.drop(key, entry)
      return undefined
    }
    this.entries.delete(key)
    this.entries.set(key, entry)
    const stale = age >= lifetime
    // RFC 8767, section 5: a stale answer is given for 30 s.
    const left = stale ? staleTtl : Math.ceil((lifetime - age) / 1000)
    return {
      content: entry.content,
      records: rotate(entry.content.records, type, entry.hits++, Math.floor(age / 1000), left),
      ttl: left,
      stale,
      expiring: !stale && age >= lifetime * 0.9
    }
  }

  private put(key: string, entry: Entry<A>): void {
    const before = this.entries.get(key)
    if (before !== undefined) this.drop(key, before)
    this.entries.set(key, entry)
    this.weight += entry.weight
    for (const [oldest, evicted] of this.entries) {
      if (this.weight <= this.capacity) break
      this.drop(oldest, evicted)
      this.counts.evictions++
    }
  }

  private drop(key: string, entry: Entry<A>): void {
    this.entries.delete(key)
    this.weight -= entry.weight
  }
}

const staleTtl = 30

// What a server may make as long as a message is counted by its length, so that
// ten thousand records are never hundreds of megabytes.
const weightOf = ({ data }: Message.ResourceRecord): number => {
  switch (data._tag) {
    case "Opaque":
      return 1 + Math.floor(data.bytes.length / bytesOfOne)
    case "ServiceBinding":
      return 1 + Math.floor(data.wire.length / bytesOfOne)
    case "TXT":
      return 1 + Math.floor(data.chunks.reduce((sum, chunk) => sum + chunk.length, 0) / bytesOfOne)
    default:
      return 1
  }
}

const bytesOfOne = 256

const typeKey = ({ name, type }: Message.Question): string => `${type} ${Host.toRelative(name)}`

const nameKey = (name: string): string => `- ${Host.toRelative(name as Host.DomainName)}`

// Each hit begins with another of the records that were asked for, so that
// load balancing by round robin survives the cache. The aliases before them stay.
const rotate = (
  records: ReadonlyArray<Message.ResourceRecord>,
  type: number,
  turn: number,
  age: number,
  left: number
): ReadonlyArray<Message.ResourceRecord> => {
  const aged = records.map((record): Message.ResourceRecord => ({
    owner: record.owner,
    type: record.type,
    ttl: Math.max(record.ttl - age, Math.min(left, record.ttl)),
    data: record.data
  }))
  const first = aged.findIndex((record) => record.type === type)
  if (first === -1 || aged.length - first < 2) return aged
  const wanted = aged.slice(first)
  const begin = (turn + 1) % wanted.length
  return [...aged.slice(0, first), ...wanted.slice(begin), ...wanted.slice(0, begin)]
}

/**
 * Gives the time that a negative answer holds: what its SOA record says (RFC
 * 2308, section 5), and none without one.
 *
 * @category getters
 * @since 0.1.0
 */
export const negativeTtl = (authorities: ReadonlyArray<Message.ResourceRecord>): number => {
  const soa = authorities.find(({ type }) => type === codes.SOA)
  return soa === undefined || soa.data._tag !== "SOA" ? 0 : Math.min(soa.ttl, Duration.toSeconds(soa.data.minimum))
}
