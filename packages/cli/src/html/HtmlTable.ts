/**
 * Tables that scroll by themselves where a page is narrower than they are.
 *
 * @since 0.1.0
 */
import * as Html from "./Html.ts"

/**
 * A table. The first column names its row; `numeric` columns stand flush right.
 *
 * @category models
 * @since 0.1.0
 */
export interface Table {
  readonly name: string
  readonly columns: ReadonlyArray<{ readonly name: string; readonly numeric?: boolean | undefined }>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

/**
 * Draws a table.
 *
 * @category formatting
 * @since 0.1.0
 */
export const draw = ({ columns, name, rows }: Table): Html.Markup => {
  const classOf = (index: number) => columns[index]?.numeric === true ? "number" : undefined
  const drawCell = (text: string, index: number) =>
    index === 0
      ? Html.element("th", { scope: "row" }, text)
      : Html.element("td", { class: classOf(index) }, text)
  const heads = columns.map((column, index) => Html.element("th", { scope: "col", class: classOf(index) }, column.name))
  // Who has no mouse scrolls what has the focus.
  return Html.element(
    "div",
    { class: "scroll", role: "region", "aria-label": name, tabindex: 0 },
    Html.element(
      "table",
      { "aria-label": name },
      Html.element("thead", {}, Html.element("tr", {}, heads)),
      Html.element("tbody", {}, rows.map((row) => Html.element("tr", {}, row.map(drawCell))))
    )
  )
}
