import * as ChildProcess from "node:child_process"
import * as Path from "node:path"

export const packageRoot = Path.resolve(import.meta.dirname, "..")

export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly elapsedMs: number
}

export interface Options {
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly input?: string
  readonly cwd?: string
  /** Called with the child once it has written the text. */
  readonly onOutput?: (child: ChildProcess.ChildProcess, output: string) => void
}

/** Runs this Node with arguments in a plain UTF-8 environment without colours, and waits until it has ended. */
export const runNode = ({ args, cwd, env, input, onOutput }: Options): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const child = ChildProcess.spawn(process.execPath, args, {
      cwd: cwd ?? packageRoot,
      env: { PATH: process.env.PATH, LANG: "C.UTF-8", NO_COLOR: "1", ...env },
      timeout: 25_000,
      killSignal: "SIGKILL"
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      onOutput?.(child, stdout)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
      onOutput?.(child, stderr)
    })
    child.once("error", reject)
    child.once("close", (code, signal) => {
      resolve({ code, signal, stdout, stderr, elapsedMs: performance.now() - startedAt })
    })
    child.stdin.on("error", () => {}).end(input ?? "")
  })

/** Runs the executable as `npx happy-eyeballs` does. */
export const runBin = (args: ReadonlyArray<string>, options: Omit<Options, "args"> = {}): Promise<Ended> =>
  runNode({ ...options, args: [Path.join(packageRoot, "bin/happy-eyeballs.js"), ...args] })
