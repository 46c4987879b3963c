import { assert, describe, it } from "@effect/vitest"
import { ConnectOptions } from "@happy-eyeballs/core"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

const refusal = (options: unknown): string =>
  Result.match(ConnectOptions.toSettings(options as ConnectOptions.ConnectOptions), {
    onFailure: (error) => `${error.option} | ${error.message}`,
    onSuccess: () => "accepted"
  })

describe("ConnectOptions.toSettings", () => {
  it("gives the defaults where nothing is said", () => {
    assert.deepStrictEqual(Result.getOrThrow(ConnectOptions.toSettings({})), ConnectOptions.defaults)
  })

  it("reads durations in every form", () => {
    const settings = Result.getOrThrow(ConnectOptions.toSettings({
      resolutionDelay: 0,
      connectionAttemptDelay: "200 millis",
      attemptTimeout: Duration.seconds(2),
      timeout: Duration.infinity
    }))
    assert.deepStrictEqual(
      [settings.resolutionDelay, settings.connectionAttemptDelay, settings.attemptTimeout, settings.timeout],
      [0, 200, 2000, Infinity]
    )
  })

  it("takes adaptive for the delays that adapt", () => {
    const settings = Result.getOrThrow(ConnectOptions.toSettings({
      resolutionDelay: "adaptive",
      connectionAttemptDelay: "adaptive"
    }))
    assert.deepStrictEqual([settings.resolutionDelay, settings.connectionAttemptDelay], [50, 250])
  })

  it("takes true and false for TLS", () => {
    assert.deepStrictEqual(Result.getOrThrow(ConnectOptions.toSettings({ tls: true })).tls, {})
    assert.deepStrictEqual(Result.getOrThrow(ConnectOptions.toSettings({ tls: false })).tls, undefined)
  })

  it.each([
    [{ connectionAttemptDelay: 5 }, "connectionAttemptDelay: give a duration of at least 10 ms"],
    [{ connectionAttemptDelay: 9.99 }, "connectionAttemptDelay: give a duration of at least 10 ms"],
    [{ connectionAttemptDelay: "soon" }, "connectionAttemptDelay: give a duration of at least 10 ms"],
    [{ resolutionDelay: -1 }, "resolutionDelay: give a duration of at least 0 ms"],
    [{ timeout: 0 }, "timeout: give a duration of at least 1 ms"],
    [{ timeout: NaN }, "timeout: give a duration of at least 1 ms"],
    [{ attemptTimeout: -5 }, "attemptTimeout: give a duration of at least 1 ms"],
    [{ headStart: -5 }, "headStart: give a duration of at least 0 ms"],
    [{ firstAddressFamilyCount: 0 }, "firstAddressFamilyCount: give a whole number from 1 up"],
    [{ maxAttemptsInFlight: 1.5 }, "maxAttemptsInFlight: give a whole number from 1 up"],
    [{ maxCandidates: -1 }, "maxCandidates: give a whole number from 1 up"],
    [{ maxOpenAttempts: NaN }, "maxOpenAttempts: give a whole number from 1 up"],
    [{ portOrder: "random" }, "portOrder: give one of portMajor, addressMajor, preferFirst"],
    [{ family: "IPv5" }, "family: give one of IPv4, IPv6"]
  ])("refuses %j and says what to give", (options, message) => {
    const [option, text] = refusal(options).split(" | ")
    assert.strictEqual(option, Object.keys(options)[0])
    assert.include(text, message)
  })

  // Everything a caller without types may give, and what configuration may become.
  const odd: ReadonlyArray<unknown> = [
    null,
    NaN,
    "",
    "soon",
    [],
    {},
    Object.create(null),
    Symbol("odd"),
    () => 1,
    -1n,
    [NaN, NaN],
    ["a", "b"],
    { seconds: NaN },
    { seconds: "x" },
    { seconds: 1, minutes: null },
    new Date(0),
    {
      toString() {
        throw new Error("unprintable")
      }
    }
  ]
  const durations = ["resolutionDelay", "connectionAttemptDelay", "attemptTimeout", "timeout", "headStart"]
  const counts = ["firstAddressFamilyCount", "maxAttemptsInFlight", "maxCandidates", "maxOpenAttempts"]

  it.each([...durations, ...counts, "portOrder", "family", "allowInsecure"])(
    "refuses every odd value of %s by its name, and throws at none",
    (option) => {
      for (const value of odd) {
        assert.strictEqual(refusal({ [option]: value }).split(" | ")[0], option)
      }
    }
  )

  it("refuses what is neither a boolean nor an object of TLS options", () => {
    for (const tls of [null, NaN, "", "yes", [], Symbol("odd"), () => 1, 1n]) {
      assert.include(refusal({ tls }), "tls | tls: give true, false, or an object of TLS options")
    }
  })

  it("refuses options that are no object", () => {
    for (const options of [null, NaN, "fast", [], Symbol("odd"), () => 1, 1n, true]) {
      assert.include(refusal(options), "options | options: give an object")
    }
  })

  it("reads a duration of parts, whose undefined ones are not given", () => {
    const settings = ConnectOptions.toSettings({ timeout: { seconds: 1, milliseconds: 500, minutes: undefined } })
    assert.strictEqual(Result.getOrThrow(settings).timeout, 1500)
  })

  it("allows exactly ten milliseconds between attempts", () => {
    assert.strictEqual(refusal({ connectionAttemptDelay: 10 }), "accepted")
  })
})

describe("ConnectOptions.merge", () => {
  it("puts what is said over what was said before, and leaves the rest", () => {
    assert.deepStrictEqual(
      ConnectOptions.merge({ timeout: 1, maxCandidates: 2 }, { timeout: 3, maxCandidates: undefined }),
      { timeout: 3, maxCandidates: 2 }
    )
  })
})

describe("ConnectOptions.merge and what is no object", () => {
  it.each([null, 5, "fast"])("keeps %o, so that it is refused and not lost", (given) => {
    const odd = given as unknown as ConnectOptions.ConnectOptions
    assert.strictEqual(ConnectOptions.merge(odd, { timeout: 1 }), odd)
    assert.strictEqual(ConnectOptions.merge({ timeout: 1 }, odd), odd)
  })
})

describe("ConnectOptions.withOptions", () => {
  it.effect("adds to the options around it", () =>
    Effect.gen(function*() {
      const options = yield* Effect.service(ConnectOptions.CurrentOptions).pipe(
        ConnectOptions.withOptions({ timeout: 5 }),
        ConnectOptions.withOptions({ timeout: 9, maxCandidates: 3 })
      )
      assert.deepStrictEqual(options, { timeout: 5, maxCandidates: 3 })
    }))
})

describe("ConnectOptions.config", () => {
  const read = (env: Record<string, string>) => ConnectOptions.config.parse(ConfigProvider.fromEnv({ env }))

  it.effect("reads every option from the environment", () =>
    Effect.gen(function*() {
      const options = yield* read({
        HAPPY_EYEBALLS_CONNECTION_ATTEMPT_DELAY: "200 millis",
        HAPPY_EYEBALLS_RESOLUTION_DELAY: "adaptive",
        HAPPY_EYEBALLS_MAX_CANDIDATES: "8",
        HAPPY_EYEBALLS_PORT_ORDER: "preferFirst"
      })
      const settings = Result.getOrThrow(ConnectOptions.toSettings(options))
      assert.deepStrictEqual(settings, {
        ...ConnectOptions.defaults,
        connectionAttemptDelay: 200,
        maxCandidates: 8,
        portOrder: "preferFirst"
      })
    }))

  it.effect("fails on what is not an option's value", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(read({ HAPPY_EYEBALLS_TIMEOUT: "soon" }))
      assert.strictEqual(exit._tag, "Failure")
    }))
})
