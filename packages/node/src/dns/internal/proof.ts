import * as Authentication from "@happy-eyeballs/dns/Authentication"
import * as Crypto from "node:crypto"
import type * as Tls from "node:tls"

/**
 * The options of `tls.connect` that make Node check as much of an
 * authentication as it can: chains and names, and not pins.
 *
 * @internal
 */
export const tlsOptions = (
  authentication: Authentication.Authentication,
  ca: ReadonlyArray<string> | undefined
): Tls.ConnectionOptions => {
  const { anchors, name, none } = authentication
  const isPinned = Authentication.isPinned(authentication)
  return {
    // A pin replaces the check of the chain, unless anchors are given too.
    rejectUnauthorized: !none && (anchors !== undefined || !isPinned),
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(name === undefined ? {} : { servername: name }),
    ...(isPinned && name === undefined ? { checkServerIdentity: () => undefined } : {})
  }
}

/**
 * Says what is wrong with the certificate of an open connection, in words, or
 * gives `undefined` where it proves all that was asked for.
 *
 * @internal
 */
export const problem = (
  socket: Tls.TLSSocket,
  authentication: Authentication.Authentication,
  now: number
): string | undefined => {
  if (!Authentication.isPinned(authentication)) return undefined
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return "it shows no certificate"
  const { certificates, keys, name } = authentication
  return mismatch("key", keys, () => certificate.publicKey.export({ type: "spki", format: "der" }), certificates) ??
    mismatch("certificate", certificates, () => certificate.raw, keys) ??
    outOfDate(certificate, now) ??
    (name === undefined ? undefined : otherName(certificate, name))
}

// Any one pin of either kind will do; there is never more than one kind.
const mismatch = (
  what: string,
  pins: ReadonlyArray<Authentication.Fingerprint>,
  bytes: () => Uint8Array,
  others: ReadonlyArray<Authentication.Fingerprint>
): string | undefined => {
  const [first] = pins
  if (first === undefined) return others.length === 0 ? `no ${what} is pinned` : undefined
  const computed = (hash: Authentication.Hash): Authentication.Fingerprint => ({
    hash,
    digest: Crypto.createHash(hash).update(bytes()).digest()
  })
  const wanted = pins.map(Authentication.formatFingerprint)
  return pins.some(({ hash }) => wanted.includes(Authentication.formatFingerprint(computed(hash))))
    ? undefined
    : `its ${what} is ${Authentication.formatFingerprint(computed(first.hash))}, and ${wanted.join(" or ")} is pinned`
}

const otherName = (certificate: Crypto.X509Certificate, name: string): string | undefined =>
  certificate.checkHost(name, { subject: "never" }) === undefined
    ? `its certificate is not for ${name} but for ${certificate.subjectAltName ?? "no name at all"}`
    : undefined

const outOfDate = (certificate: Crypto.X509Certificate, now: number): string | undefined => {
  const { validFrom, validTo } = certificate
  if (now < Date.parse(validFrom)) return `its certificate is not valid before ${validFrom}`
  return now > Date.parse(validTo) ? `its certificate expired on ${validTo}` : undefined
}
