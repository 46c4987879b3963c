/**
 * The system's resolver configuration, `resolv.conf`, as text.
 *
 * A strange line costs that line and no more; it is kept in `ignored`, so that
 * it can be shown. Nothing here opens a file, and nothing here ever names a
 * server that the file does not: without one, it is this machine's own.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/**
 * What the file and the environment say.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResolvConf {
  /** At most three, as libc has it; this machine's own where none is given. */
  readonly nameServers: ReadonlyArray<NetAddress.InetAddress>
  /** Tried in order after a name with too few dots. */
  readonly search: ReadonlyArray<Host.DomainName>
  /** A name with at least as many dots is asked as it stands first. Default 1. */
  readonly ndots: number
  /** How long one server is waited for. Default 5 s. */
  readonly timeout: Duration.Duration
  /** How often the list of servers is gone through. Default 2. */
  readonly attempts: number
  /** Begin with another server for each query. */
  readonly rotate: boolean
  /** Ask over TCP. */
  readonly useVc: boolean
  /** Ask for no IPv6 addresses. */
  readonly noAaaa: boolean
  /** The servers' word that an answer is verified may be trusted. */
  readonly trustAd: boolean
  /** Lines and options that nothing was made of. */
  readonly ignored: ReadonlyArray<string>
}

/**
 * What stands beside the file.
 *
 * @category models
 * @since 0.1.0
 */
export interface Surroundings {
  /** The numbers of this machine's interfaces, for zones. */
  readonly scopeIds?: ReadonlyMap<string, number> | undefined
  /** This machine's name: its domain is searched where the file names none. */
  readonly hostname?: string | undefined
  /** The variable `LOCALDOMAIN`, which replaces the search list. */
  readonly localDomain?: string | undefined
  /** The variable `RES_OPTIONS`, which adds options. */
  readonly resOptions?: string | undefined
}

const maxNameServers = 3

/**
 * Reads a file that may be missing (the empty text).
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string, surroundings: Surroundings = {}): ResolvConf => {
  const nameServers: Array<NetAddress.InetAddress> = []
  const ignored: Array<string> = []
  let search: ReadonlyArray<string> | undefined
  const options: Array<string> = []
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [keyword = "", ...words] = line.trim().split(/\s+/)
    if (keyword === "" || /^[#;]/.test(keyword)) continue
    const values = beforeComment(words)
    switch (keyword.toLowerCase()) {
      case "nameserver": {
        const address = NetAddress.inetAddressFromHostString(values[0] ?? "", 53, surroundings.scopeIds)
        if (Result.isSuccess(address) && nameServers.length < maxNameServers) nameServers.push(address.success)
        else ignored.push(line.trim())
        break
      }
      // The last of the two counts.
      case "domain":
        search = values.slice(0, 1)
        break
      case "search":
        search = values
        break
      case "options":
        options.push(...values)
        break
      default:
        ignored.push(line.trim())
    }
  }
  const { hostname = "", localDomain, resOptions } = surroundings
  const domains = localDomain?.split(/\s+/) ?? search ?? [hostname.slice(hostname.indexOf(".") + 1 || hostname.length)]
  return {
    ...readOptions([...options, ...resOptions?.split(/\s+/) ?? []], ignored),
    nameServers: nameServers.length > 0 ? nameServers : NetAddress.loopbackAddresses.map(own),
    search: domains.flatMap((domain) => searchDomain(domain, ignored)),
    ignored
  }
}

const own = (address: NetAddress.IpAddress): NetAddress.InetAddress => NetAddress.inetAddressUnsafe(address, 53)

const beforeComment = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const comment = words.findIndex((word) => /^[#;]/.test(word))
  return comment === -1 ? words : words.slice(0, comment)
}

const searchDomain = (text: string, ignored: Array<string>): ReadonlyArray<Host.DomainName> => {
  // "search ." means that nothing is searched.
  if (text === "" || text === ".") return []
  const name = Host.domainNameFromString(text)
  if (Result.isSuccess(name)) return [Host.toRelative(name.success)]
  ignored.push(`search ${text}`)
  return []
}

type Options = Omit<ResolvConf, "nameServers" | "search" | "ignored">

const readOptions = (words: ReadonlyArray<string>, ignored: Array<string>): Options => {
  const found = { ndots: 1, timeout: 5, attempts: 2, rotate: false, useVc: false, noAaaa: false, trustAd: false }
  for (const word of words) {
    const [, name = "", value] = /^([^:]*)(?::(\d+))?$/.exec(word) ?? []
    switch (name) {
      // The bounds are libc's (resolv.h: RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY).
      case "ndots":
        found.ndots = Math.min(Number(value ?? 1), 15)
        break
      case "timeout":
        found.timeout = Math.min(Math.max(Number(value ?? 5), 1), 30)
        break
      case "attempts":
        found.attempts = Math.min(Math.max(Number(value ?? 2), 1), 5)
        break
      case "rotate":
        found.rotate = true
        break
      case "use-vc":
      case "usevc":
      case "tcp":
        found.useVc = true
        break
      case "no-aaaa":
        found.noAaaa = true
        break
      case "trust-ad":
        found.trustAd = true
        break
      // EDNS is always used, with a fallback; every query has a socket of its own;
      // and the file is always read again when it changes.
      case "edns0":
      case "single-request":
      case "single-request-reopen":
      case "no-reload":
      case "no_tld_query":
      case "no-tld-query":
      case "":
        break
      default:
        ignored.push(`options ${word}`)
    }
  }
  return { ...found, timeout: Duration.seconds(found.timeout) }
}
