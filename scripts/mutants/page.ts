import type { Mutated } from "./mutant.ts"

/** Writes `docs/mutants.md`. */
export const page = (lists: ReadonlyArray<Mutated>): string => {
  const count = lists.reduce((sum, { mutants }) => sum + mutants.length, 0)
  const survivors = lists.flatMap(({ file, mutants }) =>
    mutants.flatMap(({ find, name, survives }) => survives === undefined ? [] : [{ file, find, name, survives }])
  )
  return `# Mutants

A guard that can be taken out without a test failing is not tested, or not needed. \`scripts/mutants\` lists, for each
guard and each rule of the files below, a change that breaks it; each change must make a named test fail.

\`\`\`sh
npm run mutants                # all of them, a few minutes
npm run mutants Race Answers   # those whose name contains one of these words
npm run mutants -- --check     # only whether each change still fits its file, and this page the list
npm run mutants -- --write     # writes this page
\`\`\`

The working tree is never changed: the tests are given a changed file from memory. The command fails when a mutant
survives, when one that is listed below is noticed after all, when a text does not occur exactly once in its file, and
when this page is not up to date.

${
    lists.map(({ file, mutants }) => {
      const survivors = mutants.filter(({ survives }) => survives !== undefined).length
      return `- \`${file}\`: ${mutants.length}${
        survivors === 0 ? "" : `, of which ${survivors} ${survivors === 1 ? "survives" : "survive"}`
      }`
    }).join("\n")
  }

## Survivors

Of ${count} mutants these ${survivors.length} change nothing that a test could see.

${survivors.map(({ find, name, survives }) => `- **${name}.** \`${firstLine(find)}\`: ${survives}`).join("\n")}
`
}

const firstLine = (text: string): string => text.trim().split("\n")[0]!.trim()
