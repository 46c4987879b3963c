import * as Duration from "effect/Duration"
import * as Dns from "effect/net/Dns"
import type * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Opaque } from "../Message.ts"
import { codes } from "../RecordType.ts"
import * as ServiceBinding from "../ServiceBinding.ts"
import type { RecordLayout } from "../Wire.ts"
import * as DnsPacket from "./DnsPacket.ts"

/**
 * Makes the record value of `effect/net` from checked RDATA. What that model
 * refuses (a host name with a space, say) stays opaque: it cannot be used, and
 * it is no reason to lose the message.
 *
 * @internal
 */
export const recordData = (
  record: RecordLayout,
  view: DnsPacket.PacketBytes,
  nameAt: (offset: number) => string
): Dns.DnsRecord | ServiceBinding.ServiceBinding | Opaque => {
  const made = fromLayout(record, view, nameAt)
  if (made !== undefined && Result.isSuccess(made)) return made.success
  const bytes = new Uint8Array(view.subarray(record.data, record.data + record.length))
  return record.type === codes.HTTPS || record.type === codes.SVCB
    ? Result.getOrElse(ServiceBinding.decode(bytes), (problem): Opaque => ({ _tag: "Opaque", bytes, problem }))
    : { _tag: "Opaque", bytes }
}

const fromLayout = (
  { data, type }: RecordLayout,
  view: DnsPacket.PacketBytes,
  nameAt: (offset: number) => string
): Result.Result<Dns.DnsRecord, NetAddress.NetAddressError> | undefined => {
  // `makeRecord` checks every field, so a name that is no host name fails there.
  const hostAt = (offset: number) => nameAt(offset) as Host.DomainName
  switch (type) {
    case codes.A:
      return Dns.makeRecord("A", { address: NetAddress.ipv4FromBytesUnsafe(view.subarray(data, data + 4)) })
    case codes.AAAA:
      return Dns.makeRecord("AAAA", { address: NetAddress.ipv6FromBytesUnsafe(view.subarray(data, data + 16)) })
    case codes.CNAME:
      return Dns.makeRecord("CNAME", { target: hostAt(data) })
    case codes.NS:
      return Dns.makeRecord("NS", { host: hostAt(data) })
    case codes.PTR:
      return Dns.makeRecord("PTR", { host: withDot(DnsPacket.decodeNameWithDots(view, data)) })
    case codes.MX:
      return Dns.makeRecord("MX", {
        priority: DnsPacket.decodeData("MX", view, data).preference,
        exchange: hostAt(data + 2)
      })
    case codes.SRV: {
      const { port, priority, weight } = DnsPacket.decodeData("SRV", view, data)
      return Dns.makeRecord("SRV", { priority, weight, port, target: hostAt(data + 6) })
    }
    case codes.SOA:
      return soa(DnsPacket.decodeData("SOA", view, data), hostAt(data))
    case codes.CAA: {
      const { flags, tag, value } = DnsPacket.decodeData("CAA", view, data)
      return Dns.makeRecord("CAA", { critical: (flags & 0x80) !== 0, tag, value })
    }
    case codes.NAPTR: {
      const { services, replacement, ...rest } = DnsPacket.decodeData("NAPTR", view, data)
      return Dns.makeRecord("NAPTR", {
        ...rest,
        service: services,
        replacement: withDot(replacement.toLowerCase()) as Host.DomainName
      })
    }
    case codes.TLSA: {
      const { certificate, matchingType, selector, usage } = DnsPacket.decodeData("TLSA", view, data)
      return Dns.makeRecord("TLSA", { certUsage: usage, selector, matchingType, data: certificate })
    }
    case codes.TXT: {
      const [first, ...rest] = DnsPacket.decodeData("TXT", view, data).map(DnsPacket.decodeText)
      return first === undefined ? undefined : Dns.makeRecord("TXT", { chunks: [first, ...rest] })
    }
    default:
      return undefined
  }
}

const soa = (fields: DnsPacket.DataByType["SOA"], primary: Host.DomainName) =>
  Dns.makeRecord("SOA", {
    primary,
    admin: withDot(fields.rname),
    serial: fields.serial,
    refresh: Duration.seconds(fields.refresh),
    retry: Duration.seconds(fields.retry),
    expire: Duration.seconds(fields.expire),
    minimum: Duration.seconds(fields.minimum)
  })

const withDot = (name: string): string => name === "." ? name : `${name}.`
