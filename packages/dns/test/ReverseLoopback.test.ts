import { assert, describe, it } from "@effect/vitest"
import { SpecialNames } from "@happy-eyeballs/dns"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"

const reverse = (address: string) => SpecialNames.classify(Dns.reverseName(NetAddress.ipFromStringUnsafe(address)))

describe("SpecialNames.classify", () => {
  it("keeps the reverse names of loopback addresses on this machine, and no others", () => {
    assert.deepStrictEqual(["127.0.0.1", "127.255.0.9", "::1"].map(reverse), ["loopback", "loopback", "loopback"])
    assert.deepStrictEqual(["192.0.2.127", "::2", "2001:db8::1"].map(reverse), [undefined, undefined, undefined])
    assert.isUndefined(SpecialNames.classify(Host.domainNameFromStringUnsafe("x127.in-addr.arpa")))
  })
})
