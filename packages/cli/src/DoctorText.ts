/**
 * What `doctor` found, for people.
 *
 * @since 0.1.0
 */
import type * as BenchResult from "./BenchResult.ts"
import * as BenchText from "./BenchText.ts"
import type * as DoctorResult from "./DoctorResult.ts"
import * as ReportText from "./ReportText.ts"
import { type Ink, paint, type Style } from "./Style.ts"

/**
 * Writes facts and, after them, what was concluded and what to do.
 *
 * @category formatting
 * @since 0.1.0
 */
export const lines = (
  facts: DoctorResult.Facts,
  findings: ReadonlyArray<DoctorResult.Finding>,
  style: Style
): ReadonlyArray<string> => [
  ...facts.families.map(familyLine),
  ...facts.resolvers.map((resolver) => resolverLine(facts.name, resolver)),
  ...facts.connects === null ? [] : ["", ...BenchText.lines(facts.connects, style), ...orderLine(facts.connects)],
  "",
  ...findings.flatMap((finding) => findingLines(finding, style))
]

const familyLine = ({ family, known, source }: DoctorResult.FamilyFacts): string =>
  `${family}: ${known ? source === null ? "no route" : `from ${source}` : "the system does not say"}`

const resolverLine = (name: string, { answers, ours, server }: DoctorResult.ResolverFacts): string => {
  const said = answers.map(({ addresses, elapsedMs, rcode, type }) => {
    const what = rcode === null
      ? "no answer"
      : addresses.length > 0
      ? addresses.join(", ")
      : rcode === "NOERROR"
      ? "none"
      : rcode
    return `${type} ${what} in ${ReportText.formatMs(elapsedMs)}`
  })
  return `${server}${ours ? "" : " (given)"}, asked for ${ReportText.visible(name)}: ${said.join("; ")}`
}

// The table has the order of RFC 6724 and RFC 8305.
const orderLine = ({ resolvers }: BenchResult.Bench): ReadonlyArray<string> =>
  resolvers.flatMap(({ addresses: [first] }) =>
    first === undefined ? [] : [`tried first: ${ReportText.endpoint(first)}, then in the order of the table`]
  )

const marks: Record<DoctorResult.Finding["severity"], { unicode: string; ascii: string; ink: Ink | undefined }> = {
  good: { unicode: "✓", ascii: "*", ink: "green" },
  note: { unicode: "·", ascii: "-", ink: undefined },
  problem: { unicode: "✗", ascii: "x", ink: "red" }
}

const findingLines = ({ advice, message, severity }: DoctorResult.Finding, style: Style): ReadonlyArray<string> => {
  const { ascii, ink, unicode } = marks[severity]
  return [
    paint(style, ink, `${style.unicode ? unicode : ascii} ${ReportText.visible(message)}`),
    ...advice === null ? [] : [`  ${advice}`]
  ]
}
