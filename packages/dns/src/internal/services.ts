import type { ServiceRecord } from "@happy-eyeballs/core/Resolver"
import * as Host from "effect/net/Host"
import * as Result from "effect/Result"
import type { ResourceRecord } from "../Message.ts"
import * as ServiceBinding from "../ServiceBinding.ts"

const defaultPort = 443

const hasPrefix = (port: number | undefined): port is number => port !== undefined && port !== defaultPort

/**
 * Gives the name that has the HTTPS records of a port (RFC 9460, section 9.1),
 * or `undefined` where it would be longer than names can be.
 *
 * @internal
 */
export const recordName = (name: Host.DomainName, port: number | undefined): Host.DomainName | undefined =>
  hasPrefix(port) ? Result.getOrUndefined(Host.domainNameFromString(`_${port}._https.${name}`)) : name

/**
 * Gives the name that is connected to by the HTTPS records of a name.
 *
 * @internal
 */
export const hostOf = (recordName: Host.DomainName): Host.DomainName =>
  recordName.replace(/^_\d{1,5}\._https\./, "") as Host.DomainName

/**
 * Makes of the HTTPS records of one name what core connects by.
 *
 * @internal
 */
export const servicesOf = (
  records: ReadonlyArray<ResourceRecord>,
  port: number | undefined
): ReadonlyArray<ServiceRecord> => {
  const isAliased = records.some(({ data }) => data._tag === "ServiceBinding" && data.priority === 0)
  return records.flatMap(({ data, owner }) => {
    // RFC 9460, section 2.4.1: beside an alias, no service counts.
    if (data._tag !== "ServiceBinding" || isAliased && data.priority > 0) return []
    const service = ServiceBinding.toServiceRecord(data)
    if (service === undefined) return []
    // Section 2.5.2: the root stands for the record's owner, which is not the name
    // that is connected to where the port is part of it.
    return service.target === "." && !isAliased && hasPrefix(port)
      ? [{ ...service, target: owner as Host.DomainName }]
      : [service]
  })
}
