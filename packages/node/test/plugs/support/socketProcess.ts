/**
 * Servers that are programs of the system, each ended with its scope.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Readline from "node:readline"

/** Where a program is, or `undefined` where it is not installed. */
export const binary = (name: string, folders: ReadonlyArray<string> = []): string | undefined =>
  [...folders, ...(process.env["PATH"] ?? "").split(Path.delimiter)]
    .map((folder) => Path.join(folder, name))
    .find((file) => Fs.existsSync(file))

/** Who a server may run as that refuses to run as root. */
export const unprivileged = (name: string): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const users = Fs.readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":"))
  const user = users.find(([user]) => user === name) ?? users.find(([user]) => user === "nobody")
  return { uid: Number(user?.[2]), gid: Number(user?.[3]) }
}

export type User = ReturnType<typeof unprivileged>

/** A directory of `user`'s that is gone with the scope. */
export const directory = (user: User): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))
      if (user !== undefined) Fs.chownSync(path, user.uid, user.gid)
      return path
    }),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
  )

/** Runs a program to its end, and dies with what it printed where that is not a good one. */
export const run = (command: string, args: ReadonlyArray<string>, options: { readonly user: User }) =>
  Effect.promise(async () => {
    const child = spawn(command, args, { ...options.user, stdio: ["ignore", "ignore", "pipe"], env: { LC_ALL: "C" } })
    const said = child.stderr.setEncoding("utf8").toArray()
    const [code] = await once(child, "exit") as [number | null]
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${(await said).join("")}`)
  })

/** Starts a server and waits for the line that says that it is ready; `signal` ends it. */
export const server = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly user: User; readonly ready: RegExp; readonly signal: NodeJS.Signals; readonly cwd: string }
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { cwd, ready, user } = options
      const child = spawn(command, args, { ...user, cwd, stdio: ["ignore", "pipe", "pipe"], env: { LC_ALL: "C" } })
      const said: Array<string> = []
      await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
          Readline.createInterface(stream).on("line", (line) => {
            said.push(line)
            if (ready.test(line)) resolve()
          })
        }
        child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${said.join("\n")}`)))
      })
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const ended = once(child, "exit")
        child.kill(options.signal)
        const last = setTimeout(() => child.kill("SIGKILL"), 10_000)
        await ended
        clearTimeout(last)
      })
  )
