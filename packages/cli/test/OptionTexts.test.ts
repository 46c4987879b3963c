import { assert, describe, it } from "@effect/vitest"
import * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as ConnectFlags from "../src/ConnectFlags.ts"
import * as OptionTexts from "../src/OptionTexts.ts"
import { runCli } from "./simulated.ts"

const files = {
  "options.json": JSON.stringify({
    connectionAttemptDelay: "100ms",
    timeout: "1m",
    maxAttemptsInFlight: 2,
    family: "IPv4"
  }),
  "tls.json": JSON.stringify({ tls: true }),
  "typo.json": JSON.stringify({ tiemout: "3s" }),
  "wrong.json": JSON.stringify({ timeout: "3" }),
  "list.json": "[]",
  "broken.json": "{"
}

const run = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  runCli(["connect", "192.0.2.8,192.0.2.9,192.0.2.1", "443", "--json", ...args], {
    network: { "192.0.2.1": { outcome: "accept", afterMs: 30 } }
  }, { files, env })

const starts = (args: ReadonlyArray<string>, env?: Record<string, string>) => {
  const { results } = run(args, env)
  const { attempts } = JSON.parse(results[0] ?? "") as { attempts: ReadonlyArray<{ startedAtMs: number }> }
  return attempts.map(({ startedAtMs }) => startedAtMs)
}

const file = ["--config", "options.json"]
const variable = { HAPPY_EYEBALLS_CONNECTION_ATTEMPT_DELAY: "200ms" }

describe("the options of a connect", () => {
  it("come from a flag before the environment, from the environment before a file, and last from the default", () => {
    assert.deepStrictEqual(starts([]), [0, 250, 500])
    assert.deepStrictEqual(starts(file), [0, 100, 5000])
    assert.deepStrictEqual(starts(file, variable), [0, 200, 5000])
    assert.deepStrictEqual(starts([...file, "--connection-attempt-delay", "50ms"], variable), [0, 50, 5000])
    assert.deepStrictEqual(starts([...file, "--max-attempts-in-flight", "none"]), [0, 100, 200])
  })

  it("have the library's notation in the environment too", () => {
    assert.deepStrictEqual(starts([], { HAPPY_EYEBALLS_CONNECTION_ATTEMPT_DELAY: "70 millis" }), [0, 70, 140])
  })

  it("leave TLS to the flag and the file, whatever the environment says", () => {
    const protocol = (args: ReadonlyArray<string>, env = {}) =>
      JSON.parse(run(args, env).results[0] ?? "").winner.protocol
    assert.strictEqual(protocol(["--config", "tls.json"]), "tls")
    assert.strictEqual(protocol([], { HAPPY_EYEBALLS_TLS: "true" }), "tcp")
  })

  it.each([
    ["no-such.json", {}, /^--config: "no-such\.json": cannot be read: no such file$/],
    ["broken.json", {}, /it is not a JSON object of options, as in \{"timeout": "3s"\}$/],
    ["list.json", {}, /it is not a JSON object of options/],
    ["typo.json", {}, /"typo\.json": "tiemout" is not an option: known here: tls, allowInsecure, family, /],
    ["wrong.json", {}, /"wrong\.json": timeout: "3" is not a duration: write 250ms, 2s, 1m or none$/],
    ["options.json", { HAPPY_EYEBALLS_FAMILY: "6" }, /^HAPPY_EYEBALLS_FAMILY: "6" is not one of IPv4, IPv6$/],
    ["options.json", { HAPPY_EYEBALLS_MAX_CANDIDATES: "-1" }, /^HAPPY_EYEBALLS_MAX_CANDIDATES: "-1" is not a count/]
  ])("are refused in one line where they cannot be read: %s, %j", (name, env, message) => {
    const { code, messages, results } = run(["--config", name], env)
    assert.deepStrictEqual([code, messages, results.length], [2, [], 1])
    const { error } = JSON.parse(results[0] ?? "") as { error: { tag: string; message: string } }
    assert.strictEqual(error.tag, "InvalidOptions")
    assert.match(error.message, message)
  })

  it("are the same in flags, file, environment and library", () => {
    const names = Object.keys(ConnectFlags.flags)
    assert.deepStrictEqual(Object.keys(OptionTexts.readers), names)
    assert.deepStrictEqual(names.toSorted(), Object.keys(ConnectOptions.defaults).toSorted())
  })

  it.effect("read each variable that the library reads", () =>
    Effect.gen(function*() {
      const env = {
        HAPPY_EYEBALLS_RESOLUTION_DELAY: "adaptive",
        HAPPY_EYEBALLS_CONNECTION_ATTEMPT_DELAY: "100 millis",
        HAPPY_EYEBALLS_ATTEMPT_TIMEOUT: "2 seconds",
        HAPPY_EYEBALLS_TIMEOUT: "3 seconds",
        HAPPY_EYEBALLS_FIRST_ADDRESS_FAMILY_COUNT: "2",
        HAPPY_EYEBALLS_PORT_ORDER: "addressMajor",
        HAPPY_EYEBALLS_HEAD_START: "1 seconds",
        HAPPY_EYEBALLS_MAX_ATTEMPTS_IN_FLIGHT: "3",
        HAPPY_EYEBALLS_MAX_CANDIDATES: "4",
        HAPPY_EYEBALLS_MAX_OPEN_ATTEMPTS: "5",
        HAPPY_EYEBALLS_FAMILY: "IPv6"
      }
      const provider = ConfigProvider.fromEnv({ env })
      const library = yield* Effect.provideService(ConnectOptions.config, ConfigProvider.ConfigProvider, provider)
      const ours = yield* Effect.provideService(
        OptionTexts.load(undefined, {}),
        ConfigProvider.ConfigProvider,
        provider
      )
      assert.deepStrictEqual(ConnectOptions.toSettings(ours), ConnectOptions.toSettings(library))
      assert.strictEqual(Object.keys(ours).length, Object.keys(env).length)
    }).pipe(Effect.provide(FileSystem.layerNoop({}))))
})
