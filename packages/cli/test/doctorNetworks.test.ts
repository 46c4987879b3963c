import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as DoctorResult from "../src/DoctorResult.ts"
import type { Ended } from "./child.ts"
import type { Lab } from "./doctorLab.ts"

interface Network extends Lab {
  readonly resolvConf: ReadonlyArray<string>
  /** Arguments of `ip`, one command each. */
  readonly ip: ReadonlyArray<string>
}

const inside = (
  { ip, resolvConf }: Pick<Network, "ip" | "resolvConf">,
  command: ReadonlyArray<string>
) => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-doctor-"))
  try {
    const file = Path.join(folder, "resolv.conf")
    Fs.writeFileSync(file, resolvConf.map((line) => `${line}\n`).join(""))
    const user = process.getuid?.() === 0 ? [] : ["--map-root-user"]
    const setup = ["link set lo up", ...ip].map((line) => `ip ${line}`).join("\n")
    const script = `${setup}\nmount --bind '${file}' /etc/resolv.conf\nexec "$@"`
    return spawnSync("unshare", [...user, "--net", "--mount", "sh", "-ec", script, "sh", ...command], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
      timeout: 50_000
    })
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

const missing = ((): string | undefined => {
  if (process.platform !== "linux") return "this is not Linux"
  const { error, status, stderr } = inside({ ip: [], resolvConf: [] }, ["true"])
  return error !== undefined ? error.message : status === 0 ? undefined : stderr.trim()
})()
if (missing !== undefined) console.log(`skipped: doctor in networks of its own: ${missing}`)

const decode = Schema.decodeUnknownSync(DoctorResult.DoctorResult, { onExcessProperty: "error" })

const doctor = (network: Network) => {
  const program = Path.join(import.meta.dirname, "doctorLab.ts")
  const { args, listening, nameServers } = network
  const lab: Lab = { args, listening, nameServers }
  const command = [process.execPath, "--conditions=@happy-eyeballs/source", program, JSON.stringify(lab)]
  const { stderr, stdout } = inside(network, command)
  assert.notStrictEqual(stdout, "", stderr)
  const ended = JSON.parse(stdout) as Ended
  const { facts, findings, ok } = decode(JSON.parse(ended.stdout))
  assert.strictEqual(ended.code, ok ? 0 : 1, ended.stderr)
  return {
    code: ended.code,
    facts,
    ids: findings.map(({ id, severity }) => `${severity} ${id}`),
    messages: findings.map(({ message }) => message)
  }
}

// Whatever has no address of its own here is sent to loopback and heard by
// nobody: silence, as on a network that drops it.
const v4 = ["addr add 198.51.100.7/24 dev lo", "route add default dev lo src 198.51.100.7"]
const v6 = ["addr add 2001:db8:1::2/64 dev lo nodad", "-6 route add default dev lo src 2001:db8:1::2"]

const wellKnown = ["ipv4only.arpa. 60 IN A 192.0.0.170", "ipv4only.arpa. 60 IN A 192.0.0.171"]
const dual = ["dual.example. 60 IN AAAA 2001:db8:2::1", "dual.example. 60 IN A 127.0.0.1", ...wellKnown]
const args = ["dual.example", "443", "--attempt-timeout", "400ms", "--json"]

const healthy: Network = {
  ip: [...v4, ...v6, "addr add 2001:db8:2::1/128 dev lo nodad"],
  resolvConf: ["nameserver 127.0.0.1"],
  nameServers: { "127.0.0.1": dual },
  listening: ["127.0.0.1", "2001:db8:2::1"],
  args
}

describe.skipIf(missing !== undefined)("doctor in a network of its own", () => {
  it("finds nothing wrong where nothing is", () => {
    const { code, facts, ids } = doctor(healthy)
    assert.deepStrictEqual([code, ids], [0, ["good nothing-wrong"]])
    assert.deepStrictEqual(facts.families.map(({ source }) => source), ["2001:db8:1::2", "198.51.100.7"])
    assert.deepStrictEqual(facts.resolvers.map(({ server }) => server), ["udp://127.0.0.1:53"])
  })

  it("names a machine without IPv6, which is not wrong", () => {
    const { code, ids } = doctor({ ...healthy, ip: v4, listening: ["127.0.0.1"] })
    assert.deepStrictEqual([code, ids], [0, ["note no-ipv6"]])
  })

  it("names IPv6 that is broken", () => {
    const { code, ids, messages } = doctor({ ...healthy, ip: [...v4, ...v6], listening: ["127.0.0.1"] })
    assert.deepStrictEqual([code, ids], [1, ["problem broken-ipv6"]])
    assert.match(messages[0] ?? "", /no IPv6 address of dual\.example, port 443 can be connected to, while IPv4 works/)
  })

  it("names a resolver that lies, and what the other says", () => {
    const { code, ids, messages } = doctor({
      ...healthy,
      nameServers: { "127.0.0.1": wellKnown, "127.0.0.2": dual },
      args: [...args, "--dns", "127.0.0.2"]
    })
    assert.deepStrictEqual([code, ids], [1, ["problem resolvers-disagree"]])
    assert.match(
      messages[0] ?? "",
      /udp:\/\/127\.0\.0\.1:53 denies dual\.example \(NXDOMAIN\), and udp:\/\/127\.0\.0\.2:53 knows it: 2001:db8:2::1, 127\.0\.0\.1/
    )
  })

  it("names a dead first resolver, and what it costs", () => {
    const { code, ids, messages } = doctor({
      ...healthy,
      resolvConf: ["nameserver 203.0.113.53", "nameserver 127.0.0.1", "options timeout:2"]
    })
    assert.deepStrictEqual([code, ids], [1, ["problem dead-first-resolver"]])
    assert.match(
      messages[0] ?? "",
      /udp:\/\/203\.0\.113\.53:53 does not answer, .* programs wait 2 s for it at every name/
    )
  })

  it("names a network that has NAT64 only, which is not wrong", () => {
    const { code, facts, ids } = doctor({
      ip: [...v6, "addr add 64:ff9b::7f00:1/128 dev lo nodad"],
      resolvConf: ["nameserver ::1"],
      nameServers: {
        "::1": [
          "dual.example. 60 IN AAAA 64:ff9b::7f00:1",
          "ipv4only.arpa. 60 IN AAAA 64:ff9b::c000:aa",
          "ipv4only.arpa. 60 IN A 192.0.0.170"
        ]
      },
      listening: ["64:ff9b::7f00:1"],
      args
    })
    assert.deepStrictEqual([code, ids], [0, ["note nat64-only"]])
    assert.deepStrictEqual(facts.nat64, ["64:ff9b::c000:aa"])
  })
})
