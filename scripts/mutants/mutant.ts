/** A change to one place of a source file that some test must notice. */
export interface Mutant {
  /** The file and what it then does wrong: `Race: the cap is ignored`. */
  readonly name: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** The tests that must notice it, where the first of the file's would loop for ever. */
  readonly tests?: ReadonlyArray<string>
  /** Why no test can notice it. */
  readonly survives?: string
}

/** The mutants of one source file, and the tests that must notice them, the likeliest first. */
export interface Mutated {
  readonly file: string
  readonly tests: ReadonlyArray<string>
  readonly mutants: ReadonlyArray<Mutant>
}

/** Gives the source with the mutant in it, or says what is wrong with the mutant. */
export const apply = (
  source: string,
  { find, replace }: Mutant
): { readonly text: string } | { readonly wrong: string } => {
  const places = source.split(find).length - 1
  if (places === 1) return { text: source.replace(find, () => replace) }
  return { wrong: places === 0 ? "its text does not occur any more" : `its text occurs ${places} times` }
}
