/**
 * A PostgreSQL of the test's own: a temporary cluster on loopback, with TLS.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Servers from "../../fixtures/Servers.ts"
import * as Process from "./socketProcess.ts"

const root = "/usr/lib/postgresql"

// Debian keeps each version apart, and none of them on the path.
const folders = Fs.existsSync(root)
  ? Fs.readdirSync(root).toSorted((a, b) => Number(b) - Number(a)).map((version) => Path.join(root, version, "bin"))
  : []

const initdb = Process.binary("initdb", folders)
const postgres = Process.binary("postgres", folders)

/** Whether there is one to run here. */
export const installed = initdb !== undefined && postgres !== undefined

export interface Postgres {
  readonly port: number
  /** Ends it and starts it again, with the same data, at another address. */
  readonly moveTo: (host: string) => Effect.Effect<void>
}

/** Where a user needs a password, asked for with SCRAM. */
export const login = { user: "owner", password: "a password", database: "postgres" }

export const make = (host = "127.0.0.1"): Effect.Effect<Postgres, never, Scope.Scope> =>
  Effect.gen(function*() {
    const user = Process.unprivileged("postgres")
    const folder = yield* Process.directory(user)
    const data = Path.join(folder, "data")
    const write = (file: string, text: string) => {
      Fs.writeFileSync(file, text, { mode: 0o600 })
      if (user !== undefined) Fs.chownSync(file, user.uid, user.gid)
    }
    const password = Path.join(folder, "password")
    write(password, login.password)
    yield* Process.run(
      initdb!,
      [
        "-D",
        data,
        "-U",
        login.user,
        "--auth=scram-sha-256",
        `--pwfile=${password}`,
        "--no-sync",
        "--no-locale",
        "-E",
        "UTF8"
      ],
      { user }
    )
    write(Path.join(data, "server.key"), Certificates.server.key)
    write(Path.join(data, "server.crt"), Certificates.server.cert)
    const outer = yield* Effect.scope
    const port = yield* Servers.refusedPort(host)
    const settings = {
      port: String(port),
      unix_socket_directories: "",
      ssl: "on",
      fsync: "off",
      max_connections: "50"
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    let running: Scope.Closeable
    const startAt = (host: string) =>
      Effect.gen(function*() {
        running = yield* Scope.fork(outer)
        const started = Process.server(postgres!, ["-D", data, "-c", `listen_addresses=${host}`, ...flags], {
          user,
          cwd: folder,
          ready: /ready to accept connections/,
          // A fast shutdown: connections are ended, nothing is waited for.
          signal: "SIGINT"
        })
        yield* Scope.provide(started, running)
      })
    yield* startAt(host)
    return {
      port,
      moveTo: (host) => Effect.andThen(Effect.suspend(() => Scope.close(running, Exit.void)), startAt(host))
    }
  })
