/**
 * Name servers that others have written, each a process of its own on loopback with the same zone.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as Dgram from "node:dgram"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Identity } from "../../fixtures/Certificates.ts"

export type Protocol = "udp" | "tcp" | "tls" | "https"

const all: ReadonlyArray<Protocol> = ["udp", "tcp", "tls", "https"]

export interface Ports {
  readonly plain: number
  readonly tls: number
  readonly https: number
}

export interface Program {
  readonly name: string
  /** Over what it answers. */
  readonly protocols: ReadonlyArray<Protocol>
  readonly executable: string
  /** The arguments, and the files that the program reads, for these ports in this directory. */
  readonly setup: (ports: Ports, directory: string) => {
    readonly args: ReadonlyArray<string>
    readonly files: Readonly<Record<string, string>>
  }
}

const addresses = Array.from({ length: 90 }, (_, i) => `many 60 IN A 192.0.2.${i + 1}`)

const records = [
  "dual 60 IN A 192.0.2.80",
  "dual 60 IN AAAA 2001:db8::80",
  "v4only 60 IN A 192.0.2.81",
  "alias 20 IN CNAME middle.test.",
  "middle 40 IN CNAME dual.test.",
  "text 60 IN TXT \"one\" \"two words; and more\"",
  "mail 60 IN MX 10 dual.test.",
  "_x._tcp 60 IN SRV 1 2 8080 dual.test.",
  "caa 60 IN CAA 0 issue \"ca.test\"",
  "strange 60 IN TYPE65280 \\# 3 ABCDEF",
  "service 60 IN HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=127.0.0.1,192.0.2.1 ech=AQID ipv6hint=::1,2001:db8::1",
  "service 60 IN HTTPS 2 dual.test. mandatory=alpn,key667 alpn=h2 no-default-alpn port=8444 key667=x",
  "_8443._https.service 60 IN HTTPS 1 service.test. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
  "apex 60 IN HTTPS 0 service.test.",
  "moved 30 IN CNAME service.test.",
  "other 60 IN SVCB 3 dual.test. key700=abc",
  ...addresses
]

export const questions: ReadonlyArray<readonly [name: string, type: string]> = [
  ["dual.test", "A"],
  ["dual.test", "AAAA"],
  ["alias.test", "A"],
  ["alias.test", "AAAA"],
  ["text.test", "TXT"],
  ["mail.test", "MX"],
  ["_x._tcp.test", "SRV"],
  ["caa.test", "CAA"],
  ["strange.test", "TYPE65280"],
  ["service.test", "HTTPS"],
  ["_8443._https.service.test", "HTTPS"],
  ["apex.test", "HTTPS"],
  ["moved.test", "HTTPS"],
  ["other.test", "SVCB"],
  ["many.test", "A"]
]

const zoneFile = [
  "$ORIGIN test.",
  "@ 60 IN SOA ns.test. admin.test. 1 3600 600 86400 60",
  "@ 60 IN NS ns.test.",
  "ns 60 IN A 127.0.0.1",
  ...records,
  ""
].join("\n")

const unbound: Program = {
  name: "unbound",
  protocols: all,
  executable: "unbound",
  setup: ({ https, plain, tls }, directory) => ({
    args: ["-d", "-p", "-c", `${directory}/unbound.conf`],
    files: {
      "zone": zoneFile,
      "unbound.conf": `server:
  interface: 127.0.0.1@${plain}
  interface: 127.0.0.1@${tls}
  interface: 127.0.0.1@${https}
  tls-port: ${tls}
  https-port: ${https}
  tls-service-key: ${directory}/key.pem
  tls-service-pem: ${directory}/cert.pem
  use-syslog: no
  do-daemonize: no
  chroot: ""
  username: ""
  module-config: "iterator"
  local-zone: "." refuse
  local-zone: "test." transparent
  incoming-num-tcp: 100
auth-zone:
  name: "test."
  zonefile: ${directory}/zone
  for-upstream: no
remote-control:
  control-enable: no
`
    }
  })
}

const bind: Program = {
  name: "bind9",
  protocols: all,
  executable: "named",
  setup: ({ https, plain, tls }, directory) => ({
    args: ["-g", "-c", `${directory}/named.conf`],
    files: {
      "zone": zoneFile,
      "named.conf": `tls local { key-file "${directory}/key.pem"; cert-file "${directory}/cert.pem"; };
http local { endpoints { "/dns-query"; }; };
options {
  directory "${directory}"; pid-file none; session-keyfile none; lock-file none;
  listen-on port ${plain} { 127.0.0.1; };
  listen-on port ${tls} tls local { 127.0.0.1; };
  listen-on port ${https} tls local http local { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no; dnssec-validation no; managed-keys-directory "${directory}";
};
controls { };
zone "test" { type primary; file "${directory}/zone"; };
`
    }
  })
}

const nsd: Program = {
  name: "nsd",
  protocols: ["udp", "tcp", "tls"],
  executable: "nsd",
  setup: ({ plain, tls }, directory) => ({
    args: ["-d", "-c", `${directory}/nsd.conf`],
    files: {
      "zone": zoneFile,
      "nsd.conf": `server:
  ip-address: 127.0.0.1@${plain}
  ip-address: 127.0.0.1@${tls}
  tls-port: ${tls}
  tls-service-key: ${directory}/key.pem
  tls-service-pem: ${directory}/cert.pem
  username: ""
  chroot: ""
  zonesdir: "${directory}"
  database: ""
  zonelistfile: "${directory}/zone.list"
  xfrdfile: "${directory}/xfrd.state"
  pidfile: ""
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "test."
  zonefile: "${directory}/zone"
`
    }
  })
}

/** It has no zone of its own: it asks another server. Nothing here asks anybody beyond loopback. */
export const dnsdist = (backend: number): Program => ({
  name: "dnsdist",
  protocols: all,
  executable: "dnsdist",
  setup: ({ https, plain, tls }, directory) => ({
    args: ["--supervised", "--disable-syslog", "-C", `${directory}/dnsdist.conf`],
    files: {
      "dnsdist.conf": `setLocal("127.0.0.1:${plain}")
addTLSLocal("127.0.0.1:${tls}", "${directory}/cert.pem", "${directory}/key.pem")
addDOHLocal("127.0.0.1:${https}", "${directory}/cert.pem", "${directory}/key.pem", "/dns-query")
setSecurityPollSuffix("")
newServer({address="127.0.0.1:${backend}"}):setUp()
`
    }
  })
})

export const programs: ReadonlyArray<Program> = [unbound, bind, nsd]

/** Gives the protocols that a program answers over. */
export const protocolsOf = (name: string): ReadonlyArray<Protocol> =>
  programs.find((program) => program.name === name)?.protocols ?? all

/** Says whether a program is installed; Debian keeps servers out of a user's path. */
export const find = (executable: string): string | undefined =>
  [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin", "/usr/bin"]
    .map((directory) => Path.join(directory, executable))
    .find((path) => Fs.existsSync(path))

const freePort = async (): Promise<number> => {
  const server = Net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as Net.AddressInfo
  server.close()
  await once(server, "close")
  return port
}

/** Asks for `dual.test` until there is an answer. */
const isUp = async (port: number): Promise<boolean> => {
  const socket = Dgram.createSocket("udp4")
  try {
    // A, with recursion desired.
    const query = Buffer.from("000701000001000000000000046475616c04746573740000010001", "hex")
    socket.on("error", () => {})
    socket.send(query, port, "127.0.0.1")
    return await Promise.race([
      once(socket, "message").then(([reply]) => (reply as Buffer).readUInt16BE(6) > 0),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 100))
    ])
  } finally {
    socket.close()
  }
}

/** Runs a program until the scope closes. */
export const run = (program: Program, identity: Identity): Effect.Effect<Ports, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), `happy-eyeballs-${program.name}-`))
        // Some of them give up their rights and then read their files.
        Fs.chmodSync(directory, 0o755)
        const ports = { plain: await freePort(), tls: await freePort(), https: await freePort() }
        const { args, files } = program.setup(ports, directory)
        for (const [file, text] of Object.entries({ ...files, "key.pem": identity.key, "cert.pem": identity.cert })) {
          Fs.writeFileSync(Path.join(directory, file), text)
        }
        const child = spawn(find(program.executable) ?? program.executable, args, { stdio: ["ignore", "pipe", "pipe"] })
        let said = ""
        for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said += chunk)
        for (let attempts = 0; attempts < 150 && child.exitCode === null; attempts++) {
          if (await isUp(ports.plain)) return { child, directory, ports }
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        await end(child)
        Fs.rmSync(directory, { recursive: true })
        throw new Error(`${program.name} did not start: ${said.slice(-2000)}`)
      }),
      ({ child, directory }) =>
        Effect.promise(async () => {
          await end(child)
          Fs.rmSync(directory, { recursive: true })
        })
    ),
    ({ ports }) => ports
  )

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGKILL")
  await ended
}
