/**
 * The versions of Node that clients are tested with: the one that runs the
 * tests, and others where there are any.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"

export interface Node {
  readonly major: number
  readonly path: string
}

const require = createRequire(import.meta.url)

/** From a variable such as `NODE_22`, or from a package of Node's binary that is installed under that name. */
const find = (major: number): string | undefined => {
  const given = process.env[`NODE_${major}`]
  if (given !== undefined) return given
  try {
    const path = Path.join(Path.dirname(require.resolve(`node-${major}/package.json`)), "bin", "node")
    return Fs.existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

export const majors = [22, 24, 26]

export const all: ReadonlyArray<Node> = majors.flatMap((major) => {
  const path = process.versions.node.startsWith(`${major}.`) ? process.execPath : find(major)
  if (path !== undefined) return [{ major, path }]
  console.log(`not tested with Node ${major}: there is none as NODE_${major}, nor as package node-${major}`)
  return []
})

/** Runs a program of this folder, and gives what it printed on each stream when it has ended by itself. */
export const run = async (
  node: string,
  file: string,
  args: ReadonlyArray<string>,
  options: { readonly env?: Record<string, string>; readonly flags?: ReadonlyArray<string> } = {}
): Promise<{ readonly out: string; readonly err: string; readonly code: number }> => {
  const child = spawn(
    node,
    [
      "--conditions=@happy-eyeballs/source",
      "--disable-warning=ExperimentalWarning",
      ...options.flags ?? [],
      Path.join(import.meta.dirname, file),
      ...args
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.env } }
  )
  const streams = { out: "", err: "" }
  child.stdout.on("data", (chunk) => streams.out += String(chunk))
  child.stderr.on("data", (chunk) => streams.err += String(chunk))
  const [code] = await once(child, "close") as [number]
  return { ...streams, code }
}
