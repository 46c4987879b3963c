import { assert, describe, it } from "@effect/vitest"
import * as ConnectResult from "@happy-eyeballs/core/testing/ConnectResult"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as DemoNetwork from "../src/demo/DemoNetwork.ts"
import { packageRoot, runBin, runNode } from "./child.ts"

const bin = Path.join(packageRoot, "bin/happy-eyeballs.js")

const run = (args: ReadonlyArray<string>, options?: Parameters<typeof runBin>[1]) =>
  Effect.promise(() => runBin(args, options))

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(ConnectResult.ConnectResult), {
  onExcessProperty: "error"
})

const connectable = DemoNetwork.open([{ address: "127.0.0.1", role: "good" }])
const hanging = DemoNetwork.open([{ address: "127.0.0.1", role: "silent" }])

describe("happy-eyeballs connect", () => {
  it.live("connects over real sockets and ends 0, with nothing on standard error", () =>
    Effect.gen(function*() {
      const { port } = yield* connectable
      const { code, elapsedMs, stderr, stdout } = yield* run(["connect", "127.0.0.1", `${port}`])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, new RegExp(`✓ 127\\.0\\.0\\.1:${port} +[╺━]`))
      assert.match(stdout, new RegExp(`✓ connected to 127\\.0\\.0\\.1:${port} in [\\d.]+ ms\n$`))
      assert.isBelow(elapsedMs, 10_000)
    }))

  it.live("prints one JSON value for a name of the hosts file, and leaks nothing", () =>
    Effect.gen(function*() {
      const { port } = yield* connectable
      const { code, stderr, stdout } = yield* run(["connect", "localhost", `${port}`, "--json"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      const result = decode(stdout)
      assert.deepInclude(result, { ok: true, leaked: 0, target: { host: "localhost", ports: [port] } })
      assert.strictEqual(result.winner?.address, "127.0.0.1")
    }))

  it.live("tries addresses with commas between them in their order", () =>
    Effect.gen(function*() {
      const { port, refusedPort } = yield* connectable
      const host = `127.0.0.1:${refusedPort},127.0.0.1:${port}`
      const { code, stdout } = yield* run(["connect", host, "-", "--json"])
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(decode(stdout).attempts.map(({ kind, port }) => [port, kind]), [
        [refusedPort, "Refused"],
        [port, null]
      ])
    }))

  it.live("ends 1 when it cannot connect", () =>
    Effect.gen(function*() {
      const { refusedPort } = yield* connectable
      const { code, stderr, stdout } = yield* run(["connect", "127.0.0.1", `${refusedPort}`])
      assert.strictEqual(code, 1)
      assert.match(stdout, /refused\n\n$/)
      assert.match(stderr, /^happy-eyeballs: could not connect to 127\.0\.0\.1, port \d+ after .*: 1 refused\n$/)
    }))

  it.live("ends 1 when the time is over, and closes what it tried", () =>
    Effect.gen(function*() {
      const { port } = yield* hanging
      const { code, elapsedMs, stdout } = yield* run([
        "connect",
        "127.0.0.1",
        `${port}`,
        "--timeout",
        "300ms",
        "--json"
      ])
      const result = decode(stdout)
      assert.strictEqual(code, 1)
      assert.deepInclude(result.error, { tag: "TimedOut" })
      assert.strictEqual(result.leaked, 0)
      assert.isBelow(elapsedMs, 10_000)
    }))

  it.live("ends 130 on ctrl-C, with the result of the interrupted connect", () =>
    Effect.gen(function*() {
      const { port } = yield* hanging
      const interrupt = (args: ReadonlyArray<string>) =>
        Effect.promise(() =>
          // The child says when it is ready to be interrupted: its attempt is then under way.
          runNode({
            args: ["--import", Path.join(import.meta.dirname, "sayWhenConnecting.mjs"), bin, ...args],
            onOutput: (child, output) => {
              if (output.endsWith("connecting\n")) child.kill("SIGINT")
            }
          })
        )
      const people = yield* interrupt(["connect", "127.0.0.1", `${port}`])
      assert.strictEqual(people.code, 130)
      assert.match(people.stderr, /^connecting\nhappy-eyeballs: interrupted after .* \(1 interrupted\)\n$/)
      const { code, stdout } = yield* interrupt(["connect", "127.0.0.1", `${port}`, "--json"])
      assert.strictEqual(code, 130)
      const result = decode(stdout)
      assert.strictEqual(result.error?.tag, "Interrupted")
      assert.deepStrictEqual(result.attempts.map(({ outcome }) => outcome), ["interrupted"])
      assert.strictEqual(result.leaked, 0)
    }))
})

describe("happy-eyeballs with bad input", () => {
  const cases: ReadonlyArray<readonly [code: number, tag: string, args: ReadonlyArray<string>]> = [
    [2, "InvalidTarget", ["connect", "", "443"]],
    [2, "InvalidTarget", ["connect", "host:99999", "-"]],
    [2, "InvalidTarget", ["connect", "host:99999"]],
    [2, "InvalidTarget", ["connect", "localhost"]],
    [2, "InvalidTarget", ["connect"]],
    [1, "NoAddresses", ["connect", "::1", "443", "--family", "IPv4"]],
    [2, "InvalidOptions", ["connect", "localhost", "443", "--connection-attempt-delay", "5ms"]],
    [2, "InvalidOptions", ["connect", "localhost", "443/tls", "80"]],
    [2, "InvalidOptions", ["connect", "localhost", "443", "--timeout", "5"]],
    [2, "InvalidOptions", ["connect", "localhost", "443", "--nonsense"]],
    [2, "InvalidOptions", ["nonsense", "localhost", "443"]],
    [2, "InvalidOptions", ["simulate", "no-such-file.json"]]
  ]

  it.live.each(cases)("ends %s in one line on standard error: %s, %j", ([code, , args]) =>
    Effect.gen(function*() {
      const ended = yield* run(args)
      assert.deepStrictEqual([ended.code, ended.stdout], [code, ""])
      assert.match(ended.stderr, /^happy-eyeballs: [^\n]+\n$/)
    }))

  // One of each way to fail: in the core, in effect/cli, in a file.
  it.live.each([cases[0]!, cases[9]!, cases[11]!])(
    "ends %s in one JSON value on standard output: %s, %j",
    ([code, tag, args]) =>
      Effect.gen(function*() {
        const ended = yield* run([...args, "--json"])
        assert.deepStrictEqual([ended.code, ended.stderr], [code, ""])
        assert.match(ended.stdout, /^[^\n]+\n$/)
        const result = decode(ended.stdout)
        assert.deepInclude(result, { ok: false, winner: null, leaked: 0 })
        assert.strictEqual(result.error?.tag, tag)
      })
  )
})

describe("happy-eyeballs simulate", () => {
  it.live("reads standard input, from any folder", () =>
    Effect.gen(function*() {
      const scenario = { name: "silence", target: { host: "192.0.2.1", ports: [443] }, options: { timeoutMs: 600_000 } }
      const { code, stderr, stdout } = yield* run(["simulate", "-", "--json"], {
        cwd: Os.tmpdir(),
        input: `${JSON.stringify(scenario)}\n${JSON.stringify({ ...scenario, name: "again" })}\n`
      })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(stdout.trimEnd().split("\n").map((line) => decode(line).name), ["silence", "again"])
    }))

  it.live("ends quietly when nobody reads on", () =>
    Effect.gen(function*() {
      const scenarios = Array.from({ length: 500 }, (_, index) => ({
        name: `${index}`,
        target: { host: "192.0.2.1", ports: [443] },
        network: { "192.0.2.1": { outcome: "refuse" } }
      }))
      const { stderr } = yield* Effect.promise(() =>
        runNode({
          args: ["-e", pipeToNobody, process.execPath, bin],
          input: JSON.stringify(scenarios)
        })
      )
      assert.strictEqual(stderr, "")
    }))
})

// Closes the reading end of the child's standard output at once.
const pipeToNobody = `
  const child = require("node:child_process").spawn(process.argv[1], [process.argv[2], "simulate", "-", "--json"], {
    stdio: ["inherit", "pipe", "inherit"]
  })
  child.stdout.destroy()
  child.on("exit", (code) => process.exit(code))
`

describe("bin/happy-eyeballs.js", () => {
  it.live("says in one line that a Node is too old", () =>
    Effect.gen(function*() {
      const pretend = "Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } });"
      const { code, stderr, stdout } = yield* Effect.promise(() =>
        runNode({ args: ["--input-type=module", "-e", `${pretend} await import(${JSON.stringify(bin)})`] })
      )
      assert.deepStrictEqual([code, stdout], [2, ""])
      assert.match(stderr, /^happy-eyeballs: Node 22\.19 or newer is needed, this is v\d+\.\d+\.\d+\n$/)
    }))

  it.live("runs what was built where it is installed", () =>
    Effect.gen(function*() {
      const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(folder, { recursive: true })))
      const installed = Path.join(folder, "node_modules/@happy-eyeballs/cli")
      Fs.mkdirSync(Path.join(installed, "bin"), { recursive: true })
      Fs.mkdirSync(Path.join(installed, "dist"))
      Fs.copyFileSync(bin, Path.join(installed, "bin/happy-eyeballs.js"))
      Fs.writeFileSync(Path.join(installed, "package.json"), `{ "type": "module" }`)
      Fs.writeFileSync(Path.join(installed, "dist/main.js"), "console.log('built')")
      const { stdout } = yield* Effect.promise(() => runNode({ args: [Path.join(installed, "bin/happy-eyeballs.js")] }))
      assert.strictEqual(stdout, "built\n")
    }))

  it.live("gives completions", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(["--completions", "bash"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, "--connection-attempt-delay")
    }))
})
