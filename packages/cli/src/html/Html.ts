/**
 * HTML and SVG as values: text becomes markup only through `element`, which
 * escapes it.
 *
 * @since 0.1.0
 */

/**
 * A piece of finished markup.
 *
 * @category models
 * @since 0.1.0
 */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * What may stand in an element: markup as it is, text escaped, lists of both.
 *
 * @category models
 * @since 0.1.0
 */
export type Child = Markup | string | ReadonlyArray<Child>

/**
 * Attributes by name; `true` stands without a value, `undefined` is left out.
 *
 * @category models
 * @since 0.1.0
 */
export type Attributes = Readonly<Record<string, string | number | true | undefined>>

/**
 * Makes an element.
 *
 * @category constructors
 * @since 0.1.0
 */
export const element = (name: string, attributes: Attributes, ...children: ReadonlyArray<Child>): Markup =>
  new Markup(`<${name}${formatAttributes(attributes)}>${isVoid(name) ? "" : `${render(children)}</${name}>`}`)

/**
 * Makes a `style` or a `script` of text that this package wrote itself: a
 * browser reads no escapes in there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rawText = (name: "style" | "script", text: string): Markup => new Markup(`<${name}>${text}</${name}>`)

/**
 * Prints what stands in an element.
 *
 * @category formatting
 * @since 0.1.0
 */
export const render = (child: Child): string =>
  child instanceof Markup ? child.text : typeof child === "string" ? escape(child) : child.map(render).join("")

// HTML, "void elements": those that are used here.
const isVoid = (name: string): boolean => name === "meta"

const formatAttributes = (attributes: Attributes): string =>
  Object.entries(attributes).map(([name, value]) =>
    value === undefined ? "" : value === true ? ` ${name}` : ` ${name}="${escape(String(value))}"`
  ).join("")

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

// Control characters are no HTML, whether escaped or not, and the overrides of
// the writing direction could make a name read as another one.
const unprintable = /[^\P{Cc}\n]|[\u202A-\u202E\u2066-\u2069]/gu

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? "").replaceAll(unprintable, "\uFFFD")
