import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { Writable } from "node:stream"
import type { Plugin } from "vitest/config"
import { createVitest, type TestCase, type TestModule, type TestSpecification } from "vitest/node"

export const root = resolve(import.meta.dirname, "../..")

// What is not changed is compiled once for all processes.
process.env.NODE_COMPILE_CACHE ??= resolve(root, "node_modules/.cache/mutants")

const conditions = ["@happy-eyeballs/source"]

// Far longer than these tests take, for the mutant that makes one loop for ever.
const limitMs = 60_000

/** One file, and what stands in it instead. */
export interface Change {
  readonly file: string
  readonly text: string
}

/** How tests ended: all passed, one failed, or none could be run. */
export type Outcome =
  | { readonly _tag: "Passed" }
  | { readonly _tag: "Failed"; readonly test: string }
  | { readonly _tag: "Broken"; readonly message: string }

/** Runs tests against changed files, one change at a time. */
export interface Lane {
  readonly run: (tests: ReadonlyArray<string>, change?: Change) => Promise<Outcome>
  readonly close: () => Promise<void>
}

/**
 * Starts a Vitest of its own. A change exists in its memory only: the tests are
 * given it in place of the file, which stays as it is. Every file is read once,
 * so that what somebody edits meanwhile plays no part.
 */
export const start = async (): Promise<Lane> => {
  let change: Change | undefined
  let running = ""
  let failed: string | undefined
  let broken: string | undefined
  let outOfTime = false

  const originals = new Map<string, string>()
  const plugin: Plugin = {
    name: "mutants",
    enforce: "pre",
    load(id) {
      const file = id.split("?")[0]!
      if (file === change?.file) return change.text
      if (!file.startsWith(resolve(root, "packages"))) return undefined
      if (!originals.has(file)) originals.set(file, readFileSync(file, "utf8"))
      return originals.get(file)
    }
  }

  const reporter = {
    onTestModuleStart: (module: TestModule) => void (running = module.relativeModuleId),
    onTestCaseReady: (test: TestCase) => void (running = test.fullName),
    onTestCaseResult: (test: TestCase) => {
      if (test.result().state === "failed") failed ??= test.fullName
    },
    onTestModuleEnd: (module: TestModule) => void (broken ??= module.errors()[0]?.message)
  }

  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() })

  const vitest = await createVitest(
    {
      root,
      config: false,
      watch: false,
      include: ["packages/*/test/**/*.test.ts"],
      setupFiles: [resolve(root, "scripts/vitest-setup.ts")],
      // A process of its own can be ended when it loops, and runs out of memory
      // alone. The tests of one mutant share it, those of the next do not.
      pool: "forks",
      isolate: false,
      maxWorkers: 1,
      execArgv: ["--max-old-space-size=512", ...conditions.map((condition) => `--conditions=${condition}`)],
      testTimeout: limitMs,
      bail: 1,
      cache: false,
      // It knows a file by its date, which a change in memory leaves as it is.
      fsModuleCache: false,
      sequence: { sequencer: AsGiven },
      reporters: [reporter]
    },
    { resolve: { conditions }, ssr: { resolve: { conditions } }, plugins: [plugin] },
    { stdout: nowhere(), stderr: nowhere() }
  )

  const known = new Map((await vitest.globTestSpecifications()).map((one) => [one.moduleId, one]))

  const specification = (test: string): TestSpecification => {
    const found = known.get(resolve(root, test))
    if (found === undefined) throw new Error(`there is no test ${test}`)
    return found
  }

  return {
    run: async (tests, next) => {
      for (const one of [change, next]) if (one !== undefined) vitest.invalidateFile(one.file)
      change = next
      failed = broken = undefined
      outOfTime = false
      const limit = setTimeout(() => {
        outOfTime = true
        // Asked once, a run ends behind its test; asked twice, at once.
        void vitest.cancelCurrentRun("keyboard-input")
        void vitest.cancelCurrentRun("keyboard-input")
      }, limitMs)
      const { unhandledErrors } = await vitest.runTestSpecifications(tests.map(specification))
      clearTimeout(limit)
      if (failed !== undefined) return { _tag: "Failed", test: failed }
      if (outOfTime) return { _tag: "Failed", test: `${running} (does not end)` }
      const message = broken ?? unhandledErrors.map(String)[0]
      return message === undefined ? { _tag: "Passed" } : { _tag: "Broken", message }
    },
    close: () => vitest.close()
  }
}

class AsGiven {
  shard(specifications: Array<TestSpecification>): Array<TestSpecification> {
    return specifications
  }
  sort(specifications: Array<TestSpecification>): Array<TestSpecification> {
    return specifications
  }
}
