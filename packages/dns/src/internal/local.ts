import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as HostsFile from "../HostsFile.ts"
import * as Message from "../Message.ts"
import { codes } from "../RecordType.ts"
import type { Resolution } from "../Resolution.ts"
import * as SpecialNames from "../SpecialNames.ts"
import { hostOf } from "./services.ts"

/** An answer that this machine gives by itself. */
const local = (
  question: Message.Question,
  rcode: number,
  addresses: ReadonlyArray<NetAddress.IpAddress>
): Resolution => ({
  question,
  rcode,
  records: addresses.flatMap((address) => addressRecord(question, address)),
  ttl: undefined,
  source: "local",
  server: "local",
  transport: "local",
  stale: false,
  authenticatedData: false,
  extendedErrors: [],
  attempts: []
})

const addressRecord = (
  { name, type }: Message.Question,
  address: NetAddress.IpAddress
): ReadonlyArray<Message.ResourceRecord> => {
  const data = NetAddress.isIpv4Address(address)
    ? Dns.makeRecordUnsafe("A", { address })
    : Dns.makeRecordUnsafe("AAAA", { address })
  return codes[data._tag] === type ? [{ owner: Host.toFullyQualified(name), type, ttl: 0, data }] : []
}

const pointers = ({ name, type }: Message.Question): ReadonlyArray<Message.ResourceRecord> => {
  const data = Dns.makeRecordUnsafe("PTR", { host: "localhost." })
  return type === codes.PTR ? [{ owner: Host.toFullyQualified(name), type, ttl: 0, data }] : []
}

/**
 * Answers from the hosts file, or gives `undefined` where it does not have the
 * name. A name that is there has no other addresses than those, and no HTTPS
 * records, which lead elsewhere.
 *
 * @internal
 */
export const fromHosts = (table: Host.HostsTable, question: Message.Question): Resolution | undefined => {
  const { name, type } = question
  if (type !== codes.A && type !== codes.AAAA && type !== codes.HTTPS) return undefined
  const addresses = HostsFile.addressesOf(table, type === codes.HTTPS ? hostOf(name) : name)
  return addresses === undefined ? undefined : local(question, Message.rcodes.NOERROR, addresses)
}

/**
 * Answers a special name, or gives `undefined` for all others.
 *
 * @internal
 */
export const fromSpecialNames = (question: Message.Question): Resolution | undefined => {
  switch (SpecialNames.classify(question.name)) {
    case "loopback":
      return question.name.includes(".arpa")
        ? { ...nothing(question), records: pointers(question) }
        : local(question, Message.rcodes.NOERROR, NetAddress.loopbackAddresses)
    case "nowhere":
      return nowhere(question)
    case undefined:
      return undefined
  }
}

/**
 * Says that a name has no addresses of this family.
 *
 * @internal
 */
export const nothing = (question: Message.Question): Resolution => local(question, Message.rcodes.NOERROR, [])

/**
 * Says that a name does not exist.
 *
 * @internal
 */
export const nowhere = (question: Message.Question): Resolution => local(question, Message.rcodes.NXDOMAIN, [])
