/**
 * Writes the data of SVCB and HTTPS records, for name servers in tests and
 * demonstrations.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { keys } from "../ServiceBinding.ts"
import * as Reply from "./Reply.ts"

/**
 * Writes what stands in a zone file: `1 . alpn=h2,h3 port=8443 key667="x"`.
 *
 * **Gotchas**
 *
 * Values hold neither spaces nor escapes. It throws for what it cannot read.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeUnsafe = (text: string): Uint8Array => {
  const [priority = "", target = "", ...words] = text.split(/\s+/)
  const parameters = words.map((word) => {
    const [, name = "", value = ""] = /^([^=]+)=?"?([^"]*)"?$/.exec(word) ?? []
    return { key: keyOf(name), value }
  })
  return Reply.concat([
    Reply.u16(Number(priority)),
    Reply.name(target),
    ...parameters.toSorted((one, other) => one.key - other.key).map(({ key, value }) => {
      const data = encodeValue(key, value)
      return Reply.concat([Reply.u16(key, data.length), data])
    })
  ])
}

const keyOf = (name: string): number =>
  Object.hasOwn(keys, name) ? keys[name as keyof typeof keys] : Number(name.replace(/^key/, ""))

const encodeValue = (key: number, value: string): Uint8Array => {
  const items = value.split(",")
  switch (key) {
    case keys.mandatory:
      return Reply.u16(...items.map(keyOf).toSorted((one, other) => one - other))
    case keys.alpn:
      return Reply.concat(items.map(Reply.string))
    case keys.port:
      return Reply.u16(Number(value))
    case keys.ipv4hint:
      return Uint8Array.from(
        items.flatMap((text) => [...NetAddress.ipv4ToOctets(Result.getOrThrow(NetAddress.ipv4FromString(text)))])
      )
    case keys.ipv6hint:
      return Uint8Array.from(
        items.flatMap((text) => [...NetAddress.ipv6ToOctets(Result.getOrThrow(NetAddress.ipv6FromString(text)))])
      )
    case keys.ech:
      return Result.getOrThrow(Base64.decode(value))
    default:
      return Uint8Array.from(value, (character) => character.charCodeAt(0))
  }
}
