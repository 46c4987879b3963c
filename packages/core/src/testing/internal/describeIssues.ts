import * as SchemaIssue from "effect/SchemaIssue"

/**
 * Says what a schema found wrong, a line a fault, each beginning with its
 * place below the given path: `options.timeout: unknown key; known here: …`.
 *
 * @internal
 */
export const describeIssues = (issue: SchemaIssue.Issue, at: ReadonlyArray<PropertyKey>): ReadonlyArray<string> =>
  format(issue).issues.map(({ message, path = [] }) => {
    const place = formatPath([...at, ...path.map((part) => typeof part === "object" ? part.key : part)])
    const said = `${message.charAt(0).toLowerCase()}${message.slice(1, longest)}${message.length > longest ? "…" : ""}`
    return place === "" ? said : `${place}: ${said}`
  })

/** Prints a path as JavaScript has it: `network["192.0.2.1"].loss`. */
const formatPath = (path: ReadonlyArray<PropertyKey>): string =>
  path.map((part, index) =>
    typeof part === "number"
      ? `[${part}]`
      : /^[A-Za-z_]\w*$/.test(String(part))
      ? `${index === 0 ? "" : "."}${String(part)}`
      : `[${JSON.stringify(String(part))}]`
  ).join("")

const leafHook: SchemaIssue.LeafHook = (issue) => {
  switch (issue._tag) {
    case "UnexpectedKey": {
      const known = issue.ast._tag === "Objects" ? issue.ast.propertySignatures.map(({ name }) => String(name)) : []
      return `unknown key; known here: ${known.join(", ")}`
    }
    case "MissingKey":
      return "missing"
    default:
      return SchemaIssue.defaultLeafHook(issue)
  }
}

// A message may quote the input, which may be a file.
const longest = 200

const format = SchemaIssue.makeFormatterStandardSchemaV1({ leafHook })
