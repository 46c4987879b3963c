/**
 * A Redis of the test's own, on loopback, with and without TLS.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Servers from "../../fixtures/Servers.ts"
import * as Process from "./socketProcess.ts"

const redis = Process.binary("redis-server")

/** Whether there is one to run here. */
export const installed = redis !== undefined

export interface Redis {
  readonly port: number
  readonly tlsPort: number
}

/** Starts one at `host`; the ports are new ones unless they are given. */
export const make = (host: string, ports?: Redis): Effect.Effect<Redis, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* Process.directory(undefined)
    const port = ports?.port ?? (yield* Servers.refusedPort(host))
    const tlsPort = ports?.tlsPort ?? (yield* Servers.refusedPort(host))
    const file = (name: string, text: string) => {
      const path = Path.join(folder, name)
      Fs.writeFileSync(path, text)
      return path
    }
    const settings = {
      bind: host,
      port: String(port),
      "tls-port": String(tlsPort),
      "tls-key-file": file("server.key", Certificates.server.key),
      "tls-cert-file": file("server.pem", Certificates.server.cert),
      "tls-ca-cert-file": file("ca.pem", Certificates.ca),
      "tls-auth-clients": "no",
      save: "",
      appendonly: "no",
      dir: folder
    }
    yield* Process.server(redis!, Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), {
      user: undefined,
      cwd: folder,
      ready: /Ready to accept connections/,
      signal: "SIGTERM"
    })
    return { port, tlsPort }
  })
