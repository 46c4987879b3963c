// Loaded before a program: lets Node's own lookups know the names of the tests, and no others, so that nobody asks a
// name server.
import Dns from "node:dns"
import { syncBuiltinESMExports } from "node:module"
import { names } from "./http.ts"

const lookup = (
  host: string,
  options: Dns.LookupOptions,
  callback: (error: Error | null, addresses?: unknown, family?: number) => void
): void => {
  const found = (names[host] ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
  if (found.length === 0) callback(Object.assign(new Error(`no such name: ${host}`), { code: "ENOTFOUND" }))
  else if (options.all === true) callback(null, found)
  else callback(null, found[0]!.address, found[0]!.family)
}

Dns.lookup = lookup as typeof Dns.lookup
syncBuiltinESMExports()
