import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DemoNetwork from "../src/demo/DemoNetwork.ts"
import { missing, type Terminal, withTerminal } from "./terminal.ts"

if (missing !== undefined) console.log(`skipped: commands in a terminal: ${missing}`)

const asBefore = "alternate 0, cursor 1, wrap 1"
// However busy the machine is.
const patiently = "--attempt-timeout none --timeout none"

const drawing = "alternate 1, cursor 0, wrap 0"

/** Types a command, with the settings of the terminal before and after it. */
const run = (terminal: Terminal, command: string) =>
  terminal.type(`before=$(stty -g); ${command}; code=$?; [ "$(stty -g)" = "$before" ] && echo "ended $code, as it was"`)

const inTerminal = (
  role: DemoNetwork.Role,
  use: (terminal: Terminal, port: number, refusedPort: number) => Promise<void>
) =>
  Effect.flatMap(
    DemoNetwork.open([{ address: "127.0.0.1", role }]),
    ({ port, refusedPort }) =>
      Effect.promise(() => withTerminal(100, 30, (terminal) => use(terminal, port, refusedPort)))
  )

describe.runIf(missing === undefined)("connect in a terminal", () => {
  it.live("draws while it runs, and leaves the terminal as it was on ctrl-C, with what came of it", () =>
    inTerminal("silent", async (terminal, port) => {
      run(terminal, `he connect 127.0.0.1 ${port} ${patiently}`)
      const drawn = await terminal.see(/connecting/)
      assert.match(drawn, new RegExp(`^127\\.0\\.0\\.1, port ${port}\n.*\n› 127\\.0\\.0\\.1:${port} .*connecting$`))
      assert.strictEqual(terminal.state(), drawing)
      terminal.press("x", "y", "z")
      terminal.press("C-c")
      const after = await terminal.see(/ended \d+/)
      assert.match(after, /ended 130, as it was/)
      assert.match(after, /happy-eyeballs: interrupted after .* \(1 interrupted\)/)
      assert.notMatch(after, /connecting|xyz/)
      assert.strictEqual(terminal.state(), asBefore)
    }))

  it.live("draws anew in the size that the terminal gets", () =>
    inTerminal("silent", async (terminal, port) => {
      run(terminal, `he connect 127.0.0.1 ${port} ${patiently}`)
      await terminal.see(/connecting/)
      const widest = () => Math.max(...terminal.screen().split("\n").map(({ length }) => length))
      assert.isAbove(widest(), 80)
      terminal.resize(64, 20)
      await terminal.see(/^.{0,64}\n.*\n›.{60,63}$/)
      assert.isAtMost(widest(), 64)
      terminal.resize(110, 20)
      await terminal.see(/\n›.{100,109}$/)
      terminal.press("C-c")
      await terminal.see(/ended 130, as it was/)
      assert.strictEqual(terminal.state(), asBefore)
    }))

  it.live("draws nothing on another screen for what is over at once", () =>
    inTerminal("good", async (terminal, port) => {
      run(terminal, `he connect 127.0.0.1 ${port}`)
      assert.match(await terminal.see(/ended \d+/), /✓ connected to [^]*ended 0, as it was/)
    }))
})

describe.runIf(missing === undefined)("watch in a terminal", () => {
  it.live("counts on until q, and leaves the terminal as it was, with the last table", () =>
    inTerminal("good", async (terminal, port) => {
      run(terminal, `he watch 127.0.0.1 ${port} --every 50ms`)
      await terminal.see(/: [3-9]\d* rounds\n[^]*127\.0\.0\.1:\d+[^]*IPv4/)
      assert.strictEqual(terminal.state(), drawing)
      terminal.resize(70, 24)
      await terminal.see(/rounds[^]*q stops/)
      terminal.press("q")
      const after = await terminal.see(/ended \d+/)
      assert.match(after, /rounds\n[^]*✓ connected to[^]*ended 0, as it was/)
      assert.notMatch(after, /q stops/)
      assert.strictEqual(terminal.state(), asBefore)
    }))

  it.live("ends 130 on ctrl-C and on nothing else, and leaves the terminal as it was", () =>
    inTerminal("good", async (terminal, port) => {
      run(terminal, `he watch 127.0.0.1 ${port} --every 50ms`)
      await terminal.see(/: [3-9]\d* rounds/)
      terminal.press("a", "Enter", "Escape", "Up", "C-d")
      const [, rounds = "0"] = /: (\d+) rounds/.exec(terminal.screen()) ?? []
      await terminal.see(new RegExp(`: (?!${rounds} )\\d+ rounds`))
      terminal.press("C-c")
      assert.match(await terminal.see(/ended \d+/), /rounds\n[^]*ended 130, as it was/)
      assert.strictEqual(terminal.state(), asBefore)
    }))

  it.live("stops at ctrl-Z with the terminal as it was, and goes on drawing in the foreground", () =>
    inTerminal("good", async (terminal, port) => {
      terminal.type("set -m; clear")
      run(terminal, `he watch 127.0.0.1 ${port} --every 50ms`)
      await terminal.see(/: [3-9]\d* rounds/)
      terminal.press("C-z")
      await terminal.see(/[Ss]topped/)
      assert.strictEqual(terminal.state(), asBefore)
      terminal.type("fg")
      await terminal.see(/rounds\n[^]*q stops/)
      assert.strictEqual(terminal.state(), drawing)
      terminal.press("C-c")
      await terminal.see(/\$$/)
      assert.strictEqual(terminal.state(), asBefore)
    }))

  it.live("draws where only its output is a terminal, too", () =>
    inTerminal("good", async (terminal, port) => {
      run(terminal, `he watch 127.0.0.1 ${port} --every 50ms < /dev/null`)
      await terminal.see(/: [3-9]\d* rounds/)
      terminal.press("C-c")
      assert.match(await terminal.see(/ended \d+/), /ended 130, as it was/)
      assert.strictEqual(terminal.state(), asBefore)
    }))

  it.live("ends by a signal as it does by ctrl-C", () =>
    inTerminal("good", async (terminal, port) => {
      run(terminal, `he watch 127.0.0.1 ${port} --every 50ms`)
      await terminal.see(/: [3-9]\d* rounds/)
      process.kill(terminal.pid(), "SIGTERM")
      assert.match(await terminal.see(/ended \d+/), /ended 130, as it was/)
      assert.strictEqual(terminal.state(), asBefore)
    }))
})
