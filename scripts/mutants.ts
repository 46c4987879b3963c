/**
 * Breaks the sources in listed ways, one at a time, and expects a test to fail.
 * `docs/mutants.md` says how to use it.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { addressSelection } from "./mutants/addressSelection.ts"
import { answers } from "./mutants/answers.ts"
import { candidates, connect, happyEyeballs, journal, resolution } from "./mutants/connect.ts"
import { connectOptions } from "./mutants/connectOptions.ts"
import { type Change, type Lane, type Outcome, root, start } from "./mutants/lane.ts"
import { apply, type Mutant, type Mutated } from "./mutants/mutant.ts"
import { order } from "./mutants/order.ts"
import { page } from "./mutants/page.ts"
import { permits, race, staggered } from "./mutants/race.ts"
import { target } from "./mutants/target.ts"

const lists: ReadonlyArray<Mutated> = [
  staggered,
  race,
  answers,
  order,
  addressSelection,
  connect,
  candidates,
  resolution,
  permits,
  journal,
  happyEyeballs,
  target,
  connectOptions
]

const lanes = 2

const { positionals: words, values: flags } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean", default: false }, write: { type: "boolean", default: false } }
})

const started = performance.now()
let faults = 0

const say = (verdict: string, text: string) => console.log(`${verdict.padEnd(9)} ${text}`)

const fault = (verdict: string, text: string) => {
  faults++
  say(verdict, text)
}

const pageFile = resolve(root, "docs/mutants.md")
if (flags.write) writeFileSync(pageFile, page(lists))
else if (readFileSync(pageFile, "utf8") !== page(lists)) {
  fault("STALE", "docs/mutants.md: run npm run mutants -- --write")
}

/** A mutant that fits its file, and what to run against it. */
interface Job {
  readonly mutant: Mutant
  readonly tests: ReadonlyArray<string>
  readonly change: Change
}

const jobs = lists.flatMap(({ file, mutants, tests }) => {
  const path = resolve(root, file)
  const source = readFileSync(path, "utf8")
  return mutants
    .filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
    .flatMap((mutant): ReadonlyArray<Job> => {
      const applied = apply(source, mutant)
      if ("text" in applied) {
        return [{ mutant, tests: mutant.tests ?? tests, change: { file: path, text: applied.text } }]
      }
      fault("STALE", `${mutant.name}: ${applied.wrong}`)
      return []
    })
})

const judge = ({ name, survives }: Mutant, outcome: Outcome) => {
  if (outcome._tag === "Broken") return fault("BROKEN", `${name}: ${outcome.message.split("\n")[0]}`)
  if (outcome._tag === "Failed") {
    return survives === undefined
      ? say("killed", `${name} | ${outcome.test}`)
      : fault("KILLED", `${name}, which is listed as a survivor | ${outcome.test}`)
  }
  return survives === undefined ? fault("SURVIVED", name) : say("survives", `${name} | ${survives}`)
}

const work = async (lane: Lane, queue: Array<Job>) => {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    judge(job.mutant, await lane.run(job.tests, job.change))
  }
}

const runAll = async () => {
  const [first, ...others] = await Promise.all(Array.from({ length: lanes }, start))
  const unchanged = await first!.run([...new Set(jobs.flatMap(({ tests }) => tests))])
  if (unchanged._tag === "Passed") {
    const queue = [...jobs]
    await Promise.all([first!, ...others].map((lane) => work(lane, queue)))
  } else {
    fault("BROKEN", `without any mutant: ${unchanged._tag === "Failed" ? unchanged.test : unchanged.message}`)
  }
  await Promise.all([first!, ...others].map((lane) => lane.close()))
}

if (!flags.check && !flags.write && jobs.length > 0) await runAll()

const seconds = Math.round((performance.now() - started) / 1000)
console.log(`${jobs.length} mutants, ${faults === 0 ? "no faults" : `${faults} faults`}, ${seconds} s`)
process.exitCode = faults === 0 ? 0 : 1
