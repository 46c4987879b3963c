// Completes package-lock.json with the optional packages of other platforms.
//
// A registry that carries only what this platform needs makes npm leave the
// others out of the lock file, and then `npm ci` refuses it everywhere. Run this
// after `npm install`: `node scripts/complete-lock.ts`.
import * as fs from "node:fs"

interface Entry {
  readonly version?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const file = new URL("../package-lock.json", import.meta.url)
const lock = JSON.parse(fs.readFileSync(file, "utf8")) as { packages: Record<string, Entry> }

const systems = ["android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"]
const processors = ["arm", "arm64", "ia32", "loong64", "ppc64", "riscv64", "s390x", "x64"]

/** Says whether npm would find a package from the folder of another. */
const isLocked = (from: string, name: string): boolean =>
  `${from}/node_modules/${name}`.replace(/^\//, "") in lock.packages ||
  (from !== "" && isLocked(from.slice(0, Math.max(0, from.lastIndexOf("node_modules/") - 1)), name))

const platformOf = (name: string) => {
  const words = name.split(/[-/]/)
  const os = systems.filter((system) => words.includes(system) || (name === "fsevents" && system === "darwin"))
  const cpu = processors.filter((processor) => words.includes(processor))
  const libc = /musl/.test(name) ? ["musl"] : /glibc|gnu/.test(name) ? ["glibc"] : []
  return {
    ...cpu.length > 0 ? { cpu } : {},
    ...os.includes("linux") && libc.length > 0 ? { libc } : {},
    ...os.length > 0 ? { os } : {}
  }
}

const added = Object.entries(lock.packages).flatMap(([from, { optionalDependencies = {} }]) =>
  Object.entries(optionalDependencies).filter(([name]) => !isLocked(from, name)).map(([name, version]) => {
    const entry = { version: version.replace(/^[~^]/, ""), dev: true, optional: true, ...platformOf(name) }
    return [`node_modules/${name}`, entry] as const
  })
)

const sorted = Object.entries({ ...lock.packages, ...Object.fromEntries(added) }).toSorted(([a], [b]) => a < b ? -1 : 1)
fs.writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
console.log(`${added.length} packages of other platforms added`)
