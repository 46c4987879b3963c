import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Crypto from "node:crypto"
import * as Html from "../src/html/Html.ts"
import { failed, pageOf, won } from "./reports.ts"

const hostile = `<script>alert(1)</script>"><img src=x onerror=alert(2)> & '`

describe("Html.element", () => {
  it("escapes text and attributes", () => {
    assert.strictEqual(
      Html.render(Html.element("p", { title: hostile }, hostile)),
      "<p title=\"&lt;script&gt;alert(1)&lt;/script&gt;&quot;&gt;&lt;img src=x onerror=alert(2)&gt; &amp; &#39;\">" +
        "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&gt;&lt;img src=x onerror=alert(2)&gt; &amp; &#39;</p>"
    )
  })

  it("shows control characters and changes of the writing direction as what they are", () => {
    assert.strictEqual(Html.render("a\u0000b\u001b[31mc\u202Ed\ne"), "a\uFFFDb\uFFFD[31mc\uFFFDd\ne")
  })

  it.prop("lets no text become markup", [Schema.String], ([text]) => {
    const inner = Html.render(Html.element("p", { title: text }, text)).slice("<p title=\"".length, -"</p>".length)
    const [attribute, content, ...more] = inner.split("\">")
    assert.deepStrictEqual(more, [])
    for (const part of [attribute ?? "", content ?? ""]) assert.notMatch(part, /[<>"']|&(?!(amp|lt|gt|quot|#39);)/)
  })
})

describe("HtmlPage.format", () => {
  it("names its style and its script by their hashes, and forbids everything else", () => {
    const page = pageOf(won)
    const hashOf = (name: string) => {
      const [, text = ""] = new RegExp(`<${name}>([^]*?)</${name}>`).exec(page) ?? []
      return `'sha256-${Crypto.createHash("sha256").update(text).digest("base64")}'`
    }
    const [, policy = ""] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? []
    assert.deepStrictEqual(policy.replaceAll("&#39;", "'").split("; "), [
      "default-src 'none'",
      `style-src ${hashOf("style")}`,
      `script-src ${hashOf("script")}`,
      "base-uri 'none'",
      "form-action 'none'"
    ])
  })

  it("has one script, no style of its own on elements, and no address to fetch", () => {
    const page = pageOf({ ...failed, target: { host: hostile, ports: [443] } }, hostile)
    assert.strictEqual(page.match(/<script/g)?.length, 1)
    assert.notMatch(page.replaceAll(/"[^"]*"/g, ""), /<[^>]* (style|src|href|on\w+)=/)
    assert.notMatch(page, /url\(|@import|https?:/)
  })

  it("holds the result as JSON that can be copied out of it", () => {
    const [, json = ""] = /<pre [^>]*>([^]*?)<\/pre>/.exec(pageOf(won)) ?? []
    const text = json.replaceAll("&quot;", "\"").replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll(
      "&amp;",
      "&"
    )
    assert.deepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(won)))
  })

  it("lists every option with its value, and says which were given", () => {
    const rows = [
      ...pageOf(won).matchAll(/<tr><th scope="row">(--[^<]*)<\/th><td>([^<]*)<\/td><td>([^<]*)<\/td><\/tr>/g)
    ]
    assert.deepStrictEqual(rows.map(([, ...cells]) => cells.join(" | ")), [
      "--tls | no | default",
      "--allow-insecure | no | default",
      "--family | IPv4 | given",
      "--resolution-delay | 50 ms | default",
      "--connection-attempt-delay | 250 ms | default",
      "--attempt-timeout | 5 s | default",
      "--timeout | 3 s | given",
      "--first-address-family-count | 1 | default",
      "--port-order | portMajor | default",
      "--head-start | one attempt delay | default",
      "--max-attempts-in-flight | none | default",
      "--max-candidates | 64 | default",
      "--max-open-attempts | 512 | default"
    ])
  })

  it("places each bar where its times are", () => {
    const bars = [...pageOf(won).matchAll(/<rect class="bar" x="([\d.]+)%" y="4" width="([\d.]+)%"/g)]
    assert.deepStrictEqual(bars.map(([, x, width]) => [Number(x), Number(width)]), [
      [3.333, 96.667],
      [45, 0.4],
      [45.4, 54.6],
      [87.067, 6.267],
      [93.333, 6.667]
    ])
  })
})
