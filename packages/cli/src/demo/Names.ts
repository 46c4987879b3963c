/**
 * Who answers names in the demo: a provider's resolver that denies one, and a
 * resolver of one's own choice, over TLS and pinned to its key, that knows it.
 *
 * Both are servers in this process, on 127.0.0.1.
 *
 * @since 0.1.0
 */
import type { InvalidNameServer } from "@happy-eyeballs/dns/NameServer"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as NodeNameServer from "@happy-eyeballs/node/dns/NodeNameServer"
import * as NodeStubResolver from "@happy-eyeballs/node/dns/NodeStubResolver"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"

/**
 * Two resolvers that are up, as name server URLs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resolvers {
  readonly providers: string
  readonly chosen: string
}

/**
 * Brings both resolvers up; only the chosen one knows the addresses of a name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(
  host: string,
  addresses: ReadonlyArray<string>
): Effect.fn.Return<Resolvers, never, Scope.Scope> {
  const records = addresses.map((address) => `${host}. 60 IN ${address.includes(":") ? "AAAA" : "A"} ${address}`)
  const zone = Zone.fromLinesUnsafe(records)
  const empty = Zone.fromLinesUnsafe(["elsewhere.example. 60 IN A 127.0.0.1"])
  const provider = yield* NodeNameServer.run({ answer: (query) => Zone.answer(empty, query) })
  const { tlsPort } = yield* NodeNameServer.run({ answer: (query) => Zone.answer(zone, query), tls: { key, cert } })
  return {
    providers: `udp://127.0.0.1:${provider.port}`,
    chosen: `tls://127.0.0.1:${tlsPort}?pin=sha256/${pin}`
  }
})

/**
 * Asks one of them for the addresses of a name; none where it says that there
 * is no such name.
 *
 * @category resolving
 * @since 0.1.0
 */
export const ask = (
  server: string,
  host: string
): Effect.Effect<ReadonlyArray<string>, Dns.DnsError | InvalidNameServer> =>
  Effect.flatMap(Dns.Dns, (dns) => dns.lookup(host)).pipe(
    Effect.map((addresses) => addresses.map(NetAddress.formatIp)),
    Effect.catchIf(
      (error) => error._tag === "DnsError" && error.reason === "NotFound",
      () => Effect.succeed([])
    ),
    Effect.provide(NodeStubResolver.layer([server]))
  )

// A key for this demo and nothing else: whoever reads this has it.
const key = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIPG5NWF8ffQp26544uz30jRrfzYguGAVYGlYRNP9++MgoAoGCCqGSM49
AwEHoUQDQgAEtRubcP8UIRoRnSZy2XU392W+JCayJY384Ydz7P++ST6dFd58PSzg
/YPmkOneGHpWYeDDJII97ExY2hpuJp7toA==
-----END EC PRIVATE KEY-----`

const cert = `-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUQHlSW8EAEC5ChiUZSSIenq36qKUwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcmVzb2x2ZXIuZGVtbzAgFw0yNjExMjIyMjA0NDVaGA8yMTM2
MDUyOTIyMDQ0NVowGDEWMBQGA1UEAwwNcmVzb2x2ZXIuZGVtbzBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABLUbm3D/FCEaEZ0mctl1N/dlviQmsiWN/OGHc+z/vkk+
nRXefD0s4P2D5pDp3hh6VmHgwySCPexMWNoabiae7aCjUzBRMB0GA1UdDgQWBBRr
cB341QisNC+QEU6CqvAozshJWzAfBgNVHSMEGDAWgBRrcB341QisNC+QEU6CqvAo
zshJWzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCrEH+b8EsS
AZxIniWLZdTVVp9gxQ7k+EWLK4NWzLuYSQIgcxhcQR/wTwtZuDRd8lW2TDBPXenF
n/0gBDwGVLUCamw=
-----END CERTIFICATE-----`

// SHA-256 of the key's SubjectPublicKeyInfo.
const pin = "wUWndX8Bvc9/mqVPxPEWKI/M5i3oZtlE3eOXohOUis8="
