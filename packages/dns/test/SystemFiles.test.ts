import { assert, describe, it } from "@effect/vitest"
import { HostsFile, NsSwitch, ResolvConf, SearchList, Services, SpecialNames, SystemChoice } from "@happy-eyeballs/dns"
import * as Duration from "effect/Duration"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"

const name = Host.domainNameFromStringUnsafe

describe("ResolvConf.parse", () => {
  const servers = (text: string, surroundings?: ResolvConf.Surroundings) =>
    ResolvConf.parse(text, surroundings).nameServers.map(NetAddress.formatInet)

  it("reads what a cluster's node writes", () => {
    const conf = ResolvConf.parse(
      "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
    )
    assert.deepStrictEqual(conf.search, ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local"].map(name))
    assert.strictEqual(conf.ndots, 5)
    assert.deepStrictEqual(conf.nameServers.map(NetAddress.formatInet), ["10.96.0.10:53"])
    assert.deepStrictEqual(conf.ignored, [])
  })

  it("takes blanks, tabs, carriage returns, upper case, comments and a missing last newline", () => {
    const text = "; c\r\n# c\r\n  NameServer\t192.0.2.1 # first\r\n\tnameserver 192.0.2.2;x\r\nnameserver 192.0.2.3"
    assert.deepStrictEqual(servers(text), ["192.0.2.1:53", "192.0.2.3:53"])
  })

  it("keeps the zone of a link-local server, by number or by name", () => {
    const scopeIds = new Map([["eth0", 2]])
    assert.deepStrictEqual(servers("nameserver fe80::1%eth0\nnameserver fe80::2%7", { scopeIds }), [
      "[fe80::1%2]:53",
      "[fe80::2%7]:53"
    ])
  })

  it.each([
    "nameserver",
    "nameserver dns.example",
    "nameserver 192.0.2.1:53",
    "nameserver fe80::1%nowhere0",
    "lookup file",
    "\0"
  ])(
    "loses the line %j and no other",
    (line) => {
      const conf = ResolvConf.parse(`nameserver 192.0.2.1\n${line}\nnameserver 192.0.2.2\n`)
      assert.deepStrictEqual(conf.nameServers.map(NetAddress.formatInet), ["192.0.2.1:53", "192.0.2.2:53"])
      assert.deepStrictEqual(conf.ignored, [line])
    }
  )

  it("keeps three servers, as libc does, and says which it left out", () => {
    const conf = ResolvConf.parse([1, 2, 3, 4].map((last) => `nameserver 192.0.2.${last}`).join("\n"))
    assert.strictEqual(conf.nameServers.length, 3)
    assert.deepStrictEqual(conf.ignored, ["nameserver 192.0.2.4"])
  })

  it("asks this machine, and never a public server, where no server is given", () => {
    for (const text of ["", "nameserver nonsense", "search example"]) {
      assert.deepStrictEqual(servers(text), ["127.0.0.1:53", "[::1]:53"])
    }
  })

  it("lets the last of search and domain win, and LOCALDOMAIN over both", () => {
    const text = "search a.example b.example\ndomain c.example d.example"
    assert.deepStrictEqual(ResolvConf.parse(text).search, [name("c.example")])
    assert.deepStrictEqual(ResolvConf.parse(text, { localDomain: "e.example f.example" }).search.length, 2)
    assert.deepStrictEqual(ResolvConf.parse(text, { localDomain: "" }).search, [])
    assert.deepStrictEqual(ResolvConf.parse("search .").search, [])
    assert.deepStrictEqual(ResolvConf.parse("search bad..name ok.example").search, [name("ok.example")])
  })

  it("searches the domain of this machine's name where the file names none", () => {
    assert.deepStrictEqual(ResolvConf.parse("", { hostname: "db.corp.example" }).search, [name("corp.example")])
    assert.deepStrictEqual(ResolvConf.parse("", { hostname: "db" }).search, [])
    assert.deepStrictEqual(ResolvConf.parse("search x.example", { hostname: "db.corp.example" }).search, [
      name("x.example")
    ])
  })

  it("reads options within libc's bounds, RES_OPTIONS after the file's", () => {
    const conf = ResolvConf.parse(
      "options ndots:99 timeout:0 attempts:77 rotate use-vc edns0 trust-ad no-aaaa strange:1\noptions timeout:3",
      { resOptions: "ndots:2" }
    )
    const { attempts, ignored, ndots, noAaaa, rotate, timeout, trustAd, useVc } = conf
    assert.deepStrictEqual({ attempts, ndots, noAaaa, rotate, timeout: Duration.toSeconds(timeout), trustAd, useVc }, {
      attempts: 5,
      ndots: 2,
      noAaaa: true,
      rotate: true,
      timeout: 3,
      trustAd: true,
      useVc: true
    })
    assert.deepStrictEqual(ignored, ["options strange:1"])
    const plain = ResolvConf.parse("")
    assert.deepStrictEqual([plain.ndots, Duration.toSeconds(plain.timeout), plain.attempts], [1, 5, 2])
  })
})

describe("NsSwitch.parseHosts", () => {
  it("reads sources and what stands in brackets after them", () => {
    const sources = NsSwitch.parseHosts("passwd: files\nhosts:\tfiles mdns4_minimal [NOTFOUND=return] dns # c\n")
    assert.deepStrictEqual(sources?.map(NsSwitch.format), ["files", "mdns4_minimal [NOTFOUND=return]", "dns"])
    assert.deepStrictEqual(
      NsSwitch.parseHosts("hosts: resolve [!UNAVAIL=return SUCCESS=return] dns")?.map(NsSwitch.format),
      [
        "resolve [!UNAVAIL=return SUCCESS=return]",
        "dns"
      ]
    )
  })

  it.each(["", "passwd: files", "hosts:", "hosts: [NOTFOUND=return] dns", "hosts: files [", "hosts: files [x] dns"])(
    "gives nothing for %j",
    (text) => assert.isUndefined(NsSwitch.parseHosts(text))
  )
})

describe("HostsFile", () => {
  const table = HostsFile.parse("127.0.0.1 localhost\n192.0.2.1 db.example DB # c\n2001:db8::1 db\nnonsense x\n")

  it("gives the addresses of a name, in any case, with or without a final dot", () => {
    assert.deepStrictEqual(HostsFile.addressesOf(table, name("Db"))?.map(NetAddress.formatIp), [
      "192.0.2.1",
      "2001:db8::1"
    ])
    assert.strictEqual(HostsFile.addressesOf(table, name("db.example."))?.length, 1)
    assert.isUndefined(HostsFile.addressesOf(table, name("x")))
  })

  it("gives the names of an address", () => {
    assert.deepStrictEqual(HostsFile.namesOf(table, NetAddress.ipFromStringUnsafe("192.0.2.1")), [
      name("db.example"),
      name("db")
    ])
    assert.deepStrictEqual(HostsFile.namesOf(table, NetAddress.ipFromStringUnsafe("192.0.2.9")), [])
  })
})

describe("Services.parse", () => {
  it("reads TCP ports by name and alias, the first line of a name first", () => {
    const ports = Services.parse("# c\nhttps 443/tcp www-ssl # x\nhttps 444/tcp\ntftp 69/udp\nbad x/tcp\nzero 0/tcp\n")
    assert.deepStrictEqual([...ports], [["https", 443], ["www-ssl", 443]])
  })
})

describe("SpecialNames.classify", () => {
  it.each<[string, SpecialNames.SpecialName | undefined]>([
    ["localhost", "loopback"],
    ["a.LOCALHOST.", "loopback"],
    ["x.invalid", "nowhere"],
    ["abc.onion", "nowhere"],
    ["x.alt", "nowhere"],
    ["db.svc.cluster.local", undefined],
    ["localhost.example", undefined],
    ["x.test", undefined]
  ])("takes %s for %s", (text, expected) => {
    assert.strictEqual(SpecialNames.classify(name(text)), expected)
  })
})

describe("SearchList.candidates", () => {
  const search = ["ns.svc.cluster.local", "svc.cluster.local"].map(name)
  const candidates = (text: string, ndots = 5) => SearchList.candidates(name(text), { search, ndots })

  it("searches first for a name with fewer dots than ndots, and asks for it as it stands last", () => {
    assert.deepStrictEqual(candidates("db"), ["db.ns.svc.cluster.local", "db.svc.cluster.local", "db"].map(name))
    assert.strictEqual(candidates("www.example.com").at(-1), "www.example.com")
  })

  it("asks for a name with enough dots as it stands first", () => {
    assert.strictEqual(candidates("www.example.com", 1)[0], "www.example.com")
  })

  it("asks once for a name with a final dot and for a special name", () => {
    assert.deepStrictEqual(candidates("db."), [name("db")])
    assert.deepStrictEqual(candidates("localhost"), [name("localhost")])
  })

  it("leaves out what would be too long, and what would be asked twice", () => {
    assert.deepStrictEqual(candidates(`${"a.".repeat(120)}x`), [name(`${"a.".repeat(120)}x`)])
    assert.deepStrictEqual(SearchList.candidates(name("a"), { search: [name("b"), name("b")], ndots: 1 }).length, 2)
  })
})

describe("SystemChoice.choose", () => {
  const linux = (nsSwitch?: string, more?: Partial<SystemChoice.Facts>) =>
    SystemChoice.choose({ platform: "linux", nsSwitch, hostname: "box", ...more })

  it.each<[string, string | undefined, SystemChoice.Order]>([
    ["no file, as on Alpine", undefined, ["files", "dns"]],
    ["a file without a hosts line", "passwd: files\n", ["files", "dns"]],
    ["Debian's", "hosts: files dns\n", ["files", "dns"]],
    ["a desktop's", "hosts: files mdns4_minimal [NOTFOUND=return] dns\n", ["files", "dns"]],
    ["Fedora's", "hosts: files myhostname resolve [!UNAVAIL=return] dns\n", ["files", "dns"]],
    ["DNS first", "hosts: dns files\n", ["dns", "files"]],
    ["files only", "hosts: files [NOTFOUND=return] dns\n", ["files"]],
    ["no hosts file", "hosts: dns\n", ["dns"]]
  ])("takes the stub resolver for %s", (_, nsSwitch, order) => {
    const choice = linux(nsSwitch)
    assert.strictEqual(choice.use, "stub")
    assert.deepStrictEqual(choice.order, order)
  })

  it.each<[string, SystemChoice.Choice, string]>([
    ["another source", linux("hosts: files ldap dns"), "nsswitch.conf has \"ldap\", which only libc can do"],
    ["merging", linux("hosts: files [SUCCESS=merge] dns"), "which only libc can do"],
    ["going on after success", linux("hosts: files [SUCCESS=continue] dns"), "which only libc can do"],
    ["a line that cannot be read", linux("hosts: files [ dns"), "cannot be read"],
    ["HOSTALIASES", linux("hosts: files dns", { hostAliases: "/x" }), "HOSTALIASES is set"],
    ["mdns.allow", linux("hosts: files mdns4 dns", { hasMdnsAllow: true }), "there is a mdns.allow"],
    ["macOS", SystemChoice.choose({ platform: "darwin" }), "on darwin names are the system's"],
    ["Windows", SystemChoice.choose({ platform: "win32" }), "on win32 names are the system's"],
    [
      "the user's word",
      linux(undefined, { forced: { use: "system", by: "HAPPY_EYEBALLS_RESOLVER=system" } }),
      "HAPPY_EYEBALLS_RESOLVER=system"
    ]
  ])("leaves names to the system for %s, and says so", (_, choice, because) => {
    assert.strictEqual(choice.use, "system")
    assert.include(choice.because, because)
  })

  it("takes the stub resolver anywhere where the user says so", () => {
    const choice = SystemChoice.choose({
      platform: "darwin",
      nsSwitch: "hosts: ldap",
      forced: { use: "stub", by: "an option" }
    })
    assert.deepStrictEqual([choice.use, choice.because], ["stub", "an option"])
  })

  it("leaves single names to the system where only it knows them", () => {
    const choice = linux("hosts: files myhostname mdns4_minimal [NOTFOUND=return] dns")
    const use = (text: string) => SystemChoice.forName(choice, name(text)).use
    assert.deepStrictEqual(["printer.local", "local.", "box", "_gateway"].map(use), [
      "system",
      "system",
      "system",
      "system"
    ])
    assert.deepStrictEqual(["db.example", "x.box", "notlocal"].map(use), ["stub", "stub", "stub"])
    assert.strictEqual(SystemChoice.forName(linux("hosts: files dns"), name("db.cluster.local")).use, "stub")
  })
})
