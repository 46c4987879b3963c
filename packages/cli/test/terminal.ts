import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { packageRoot } from "./child.ts"

const tmux = (socket: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = ChildProcess.spawnSync("tmux", ["-L", socket, "-f", "/dev/null", ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH, LANG: "C.UTF-8", TERM: "xterm-256color" }
  })
  if (error !== undefined || status !== 0) throw new Error(`tmux ${args.join(" ")}: ${error?.message ?? stderr}`)
  return stdout
}

/** Why no terminal can be had here, or undefined. */
export const missing: string | undefined = ChildProcess.spawnSync("tmux", ["-V"]).status === 0
  ? undefined
  : "there is no tmux here"

/** A shell in a terminal of its own. */
export interface Terminal {
  /** Types a command line, with `he` for the executable. */
  readonly type: (line: string) => void
  /** Presses keys, by tmux's names. */
  readonly press: (...keys: ReadonlyArray<string>) => void
  readonly resize: (columns: number, rows: number) => void
  /** The number of the process that a command line with `he` started last. */
  readonly pid: () => number
  /** The lines that are to be seen now. */
  readonly screen: () => string
  /** Waits until the screen shows something, and gives it. */
  readonly see: (pattern: RegExp) => Promise<string>
  /** How the terminal stands: alternate screen, cursor, line wrap. */
  readonly state: () => string
}

let count = 0

/** Runs with a terminal, and ends it. */
export const withTerminal = async <A>(
  columns: number,
  rows: number,
  use: (terminal: Terminal) => Promise<A>
): Promise<A> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-terminal-"))
  const socket = `happy-eyeballs-${process.pid}-${count++}`
  const run = (...args: ReadonlyArray<string>) => tmux(socket, ...args)
  const shell = "exec env PS1='$ ' LANG=C.UTF-8 sh"
  run("new-session", "-d", "-x", `${columns}`, "-y", `${rows}`, shell)
  const pidFile = Path.join(folder, "pid")
  const screen = () => run("capture-pane", "-p").trimEnd()
  const see = async (pattern: RegExp) => {
    for (let turn = 0; turn < 400; turn++) {
      const shown = screen()
      if (pattern.test(shown)) return shown
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`never seen: ${pattern}; the terminal shows\n${screen()}`)
  }
  const type = (line: string) => {
    run("send-keys", "-l", line)
    run("send-keys", "Enter")
  }
  try {
    await see(/^\$/)
    const program = `'${process.execPath}' '${Path.join(packageRoot, "bin/happy-eyeballs.js")}'`
    type(`he() { sh -c 'echo $$ > "$0"; exec "$@"' '${pidFile}' ${program} "$@"; }; clear`)
    await see(/^\$$/)
    return await use({
      type,
      screen,
      see,
      pid: () => Number(Fs.readFileSync(pidFile, "utf8")),
      press: (...keys) => void run("send-keys", ...keys),
      resize: (columns, rows) => void run("resize-window", "-x", `${columns}`, "-y", `${rows}`),
      state: () =>
        run("display-message", "-p", "alternate #{alternate_on}, cursor #{cursor_flag}, wrap #{wrap_flag}").trim()
    })
  } finally {
    run("kill-server")
    Fs.rmSync(folder, { recursive: true })
  }
}
