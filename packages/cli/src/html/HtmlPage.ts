/**
 * A page that needs nothing but itself: no network, no script and no font from
 * elsewhere, light and dark, at any width.
 *
 * Its policy forbids everything but its own style and its one script, which are
 * named by their hashes: a name that got through the escapes could do nothing.
 *
 * @since 0.1.0
 */
import * as Crypto from "node:crypto"
import * as Html from "./Html.ts"
import { script } from "./HtmlScript.ts"
import { style } from "./HtmlStyle.ts"

/**
 * What stands on a page.
 *
 * @category models
 * @since 0.1.0
 */
export interface Content {
  readonly title: string
  readonly summary: string
  readonly sections: ReadonlyArray<Section>
  /** The values that the command prints with `--json`, a line each. */
  readonly json: ReadonlyArray<string>
}

/**
 * A part of a page under a heading.
 *
 * @category models
 * @since 0.1.0
 */
export interface Section {
  readonly heading: string
  readonly body: Html.Child
}

/**
 * Prints a page.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = ({ json, sections, summary, title }: Content): string => {
  const head = Html.element(
    "head",
    {},
    Html.element("meta", { charset: "utf-8" }),
    Html.element("meta", { "http-equiv": "Content-Security-Policy", content: policy }),
    Html.element("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    Html.element("meta", { name: "referrer", content: "no-referrer" }),
    Html.element("title", {}, `${title} · happy-eyeballs`),
    Html.rawText("style", style)
  )
  const body = Html.element(
    "body",
    {},
    Html.element("header", {}, Html.element("h1", {}, title), Html.element("p", {}, summary)),
    Html.element("main", {}, sections.map(drawSection), drawSection({ heading: "JSON", body: drawJson(json) })),
    Html.rawText("script", script)
  )
  return `<!doctype html>\n${Html.render(Html.element("html", { lang: "en" }, head, body))}\n`
}

const hashOf = (text: string): string => `'sha256-${Crypto.createHash("sha256").update(text).digest("base64")}'`

const policy = [
  "default-src 'none'",
  `style-src ${hashOf(style)}`,
  `script-src ${hashOf(script)}`,
  "base-uri 'none'",
  "form-action 'none'"
].join("; ")

const drawSection = ({ body, heading }: Section): Html.Markup =>
  Html.element("section", {}, Html.element("h2", {}, heading), body)

// Without its script the page lacks the button and nothing else.
const drawJson = (json: ReadonlyArray<string>): Html.Child => [
  Html.element(
    "p",
    {},
    Html.element("button", { type: "button", id: "copy", hidden: true }, "Copy"),
    Html.element("span", { id: "copied", role: "status" })
  ),
  Html.element(
    "pre",
    { id: "json", class: "scroll", role: "region", "aria-label": "The result as JSON", tabindex: 0 },
    json.join("\n")
  )
]
