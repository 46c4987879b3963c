/**
 * The system's name service switch, `nsswitch.conf`, as text: in which order
 * host names are looked for, and where.
 *
 * @since 0.1.0
 */

/**
 * One source of host names, with what is said in brackets after it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly name: string
  readonly criteria: ReadonlyArray<Criterion>
}

/**
 * What happens when a source ends in a status, such as `[NOTFOUND=return]`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Criterion {
  readonly negated: boolean
  readonly status: string
  readonly action: string
}

/**
 * What libc assumes without a file or without its `hosts` line.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultHosts: ReadonlyArray<Source> = [
  { name: "files", criteria: [] },
  { name: "dns", criteria: [] }
]

/**
 * Reads the `hosts` line, or gives `undefined` where there is none or it cannot
 * be understood.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parseHosts = (text: string): ReadonlyArray<Source> | undefined => {
  const line = text.split(/\r\n|\n|\r/).findLast((candidate) => /^\s*hosts\s*:/i.test(candidate))
  const rest = line?.slice(line.indexOf(":") + 1).replace(/#.*$/, "").trim()
  if (rest === undefined || rest === "") return undefined
  const sources: Array<Source> = []
  const pattern = /\s*(?:\[([^\]]*)\]|([^\s[\]]+))/y
  while (pattern.lastIndex < rest.length) {
    const [whole, bracket, name] = pattern.exec(rest) ?? []
    if (whole === undefined) return undefined
    if (name !== undefined) {
      sources.push({ name: name.toLowerCase(), criteria: [] })
      continue
    }
    const source = sources.pop()
    const criteria = parseCriteria(bracket ?? "")
    if (source === undefined || criteria === undefined) return undefined
    sources.push({ ...source, criteria: [...source.criteria, ...criteria] })
  }
  return sources
}

const parseCriteria = (text: string): ReadonlyArray<Criterion> | undefined => {
  const criteria: Array<Criterion> = []
  for (const word of text.trim().split(/\s+/)) {
    const [, negation, status, action] = /^(!?)(\w+)=(\w+)$/.exec(word) ?? []
    if (status === undefined || action === undefined) return undefined
    criteria.push({ negated: negation === "!", status: status.toLowerCase(), action: action.toLowerCase() })
  }
  return criteria
}

/**
 * Says whether the search ends after a source that does not know the name.
 *
 * @category predicates
 * @since 0.1.0
 */
export const endsWhenNotFound = (self: Source): boolean =>
  self.criteria.some(({ action, negated, status }) =>
    action === "return" && (negated ? status !== "notfound" : status === "notfound")
  )

/**
 * Says whether the brackets hold nothing but `return` and `continue`, and do
 * not ask for more after a success, as `[SUCCESS=merge]` does.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPlain = (self: Source): boolean =>
  self.criteria.every(({ action, negated, status }) =>
    action === "return" || action === "continue" && !negated && status !== "success"
  )

/**
 * Prints a source as it stands in the file.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = ({ criteria, name }: Source): string =>
  criteria.length === 0
    ? name
    : `${name} [${
      criteria.map(({ action, negated, status }) => `${negated ? "!" : ""}${status.toUpperCase()}=${action}`).join(" ")
    }]`
