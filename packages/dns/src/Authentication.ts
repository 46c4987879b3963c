/**
 * How a name server proves over TLS that it is the one that was meant.
 *
 * Plain values: which keys are pinned, which certificates are trusted, which
 * name is wanted. The platform's TLS does the checking; nothing here opens a
 * connection.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

/**
 * The hash functions of a fingerprint, with the length of their digests.
 *
 * @category constants
 * @since 0.1.0
 */
export const digestLengths = { sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const

/**
 * The name of a hash function.
 *
 * @category models
 * @since 0.1.0
 */
export type Hash = keyof typeof digestLengths

/**
 * The digest of a public key (SubjectPublicKeyInfo) or of a whole certificate.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fingerprint {
  readonly hash: Hash
  readonly digest: Uint8Array
}

/**
 * Where the certificates are that a chain may end in.
 *
 * @category models
 * @since 0.1.0
 */
export type TrustAnchors =
  | { readonly _tag: "File"; readonly path: string }
  | { readonly _tag: "Certificates"; readonly der: ReadonlyArray<Uint8Array> }

/**
 * What a server must prove.
 *
 * **Details**
 *
 * - Nothing given: the chain must end in one of the system's CAs, and the
 *   certificate must carry `name` or else the server's IP address.
 * - `keys` or `certificates`: the certificate must match any one of them. This
 *   replaces the check of the chain; validity dates and a given `name` still
 *   hold. Several keys are for a key and its backup.
 * - `anchors` replaces the system's CAs; with pins both must hold.
 * - `none`: nothing is checked. Only when it is said.
 *
 * @category models
 * @since 0.1.0
 */
export interface Authentication {
  readonly none: boolean
  readonly name: string | undefined
  readonly keys: ReadonlyArray<Fingerprint>
  readonly certificates: ReadonlyArray<Fingerprint>
  readonly anchors: TrustAnchors | undefined
}

/**
 * The system's CAs, and the server's IP address in the certificate.
 *
 * @category constructors
 * @since 0.1.0
 */
export const system: Authentication = {
  none: false,
  name: undefined,
  keys: [],
  certificates: [],
  anchors: undefined
}

/**
 * Says whether a certificate is checked by its fingerprint.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPinned = (self: Authentication): boolean => self.keys.length > 0 || self.certificates.length > 0

/**
 * Prints a fingerprint as a name server's `pin=` has it: `sha256/BASE64`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatFingerprint = (self: Fingerprint): string => `${self.hash}/${Base64.encode(self.digest)}`

/**
 * Names what must be proved: two servers with the same key may share TLS
 * sessions, and no others may.
 *
 * @category formatting
 * @since 0.1.0
 */
export const sessionKey = (self: Authentication): string =>
  JSON.stringify([
    self.none,
    self.name,
    self.keys.map(formatFingerprint).toSorted(),
    self.certificates.map(formatFingerprint).toSorted(),
    self.anchors?._tag === "Certificates" ? self.anchors.der.map(Base64.encode) : self.anchors?.path
  ])

/**
 * Reads `sha256/BASE64`, the form of `pin=`. Failures are a sentence for people.
 *
 * @category decoding
 * @since 0.1.0
 */
export const pinFromString = (input: string): Result.Result<Fingerprint, string> => {
  const slash = input.indexOf("/")
  return slash === -1
    ? Result.fail(`"${input}" is not a pin: write sha256/ and the base64 of the key's digest`)
    : fingerprint(input.slice(0, slash), input.slice(slash + 1))
}

/**
 * Reads the authenticators of the article: `key-fp:SHA256:BASE64`,
 * `cert-fp:SHA256:BASE64` (the hash may be left out), `trust-anchor:BASE64`
 * (several, with colons between) and `none`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromString = (input: string): Result.Result<Authentication, string> => {
  if (input === "none") return Result.succeed({ ...system, none: true })
  const [kind, ...rest] = input.split(":")
  const [first = "", second] = rest
  switch (kind) {
    case "key-fp":
    case "cert-fp": {
      if (rest.length > 2) return Result.fail(`"${input}" has too many colons: write ${kind}:SHA256:BASE64`)
      const pin = second === undefined ? fingerprint("sha256", first) : fingerprint(first, second)
      return Result.map(pin, (found) => ({ ...system, [kind === "key-fp" ? "keys" : "certificates"]: [found] }))
    }
    case "trust-anchor":
      return Result.map(
        Result.all(rest.map(base64)),
        (der) => ({ ...system, anchors: { _tag: "Certificates", der } })
      )
    default:
      return Result.fail(
        `"${input}" is no authenticator: write key-fp:SHA256:BASE64, cert-fp:SHA256:BASE64, trust-anchor:BASE64 or none`
      )
  }
}

const fingerprint = (hashName: string, text: string): Result.Result<Fingerprint, string> => {
  const hash = hashName.toLowerCase().replace("-", "")
  if (!isHash(hash)) {
    return Result.fail(`"${hashName}" is no hash for a pin: use sha256, sha384, sha512 or sha224`)
  }
  return Result.flatMap(base64(text), (digest) => {
    const wanted = digestLengths[hash]
    return digest.length === wanted
      ? Result.succeed({ hash, digest })
      : Result.fail(
        `the pin "${text}" is ${digest.length} bytes long, and a ${hash} digest has ${wanted}${
          /^[\da-f]+$/i.test(text) && text.length === wanted * 2 ? ": it looks like hex, and base64 is wanted" : ""
        }`
      )
  })
}

const isHash = (text: string): text is Hash => Object.hasOwn(digestLengths, text)

// The padding may be left out, as in the article's tools.
const base64 = (text: string): Result.Result<Uint8Array, string> => {
  const bare = text.replace(/={1,2}$/, "")
  return bare === "" || !/^[\dA-Za-z+/]+$/.test(bare)
    ? Result.fail(`"${text}" is not base64`)
    : Result.mapError(Base64.decode(bare.padEnd(Math.ceil(bare.length / 4) * 4, "=")), () => `"${text}" is not base64`)
}
