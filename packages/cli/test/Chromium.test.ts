import { assert, describe, it } from "@effect/vitest"
import type { World } from "@happy-eyeballs/core/testing/World"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll } from "vitest"
import * as Chromium from "./chromium.ts"
import { attempt, failed, pageOf, won } from "./reports.ts"
import { runCli } from "./simulated.ts"

if (Chromium.missing !== undefined) console.log(`skipped: pages in a browser: ${Chromium.missing}`)

const axe = Fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-pages-"))
afterAll(() => Fs.rmSync(folder, { recursive: true }))

const hostile =
  `<script>document.title = "owned"</script><img src="http://192.0.2.66/x" onerror="document.title = 'owned'">`

const world: World = {
  names: {
    "dual.example": [
      { type: "AAAA", afterMs: 20, addresses: ["2001:db8:85a3:1111:2222:8a2e:370:7334"] },
      { type: "A", afterMs: 22, addresses: ["192.0.2.2", "192.0.2.1"] }
    ]
  },
  network: { "192.0.2.1": { outcome: "accept", afterMs: 30 }, "192.0.2.2": { outcome: "refuse", afterMs: 5 } }
}

const commandPage = (...args: ReadonlyArray<string>): string =>
  runCli([...args, "--report", "page.html"], world).written.get("page.html") ?? ""

/** A page of each command, and one about a target that is an attack. */
const pages: Readonly<Record<string, string>> = {
  won: pageOf(won, "ygg.re", new Map([[3, 545], [4, 575]])),
  failed: pageOf(failed, "ygg.re"),
  hostile: pageOf({
    ...failed,
    target: { host: hostile, ports: [443] },
    attempts: [
      ...failed.attempts,
      attempt("[2001:db8:85a3:1111:2222:8a2e:370:7334]:65535", 300, 1200, "failed", "Tls", hostile)
    ],
    error: { tag: "NoAddresses", message: hostile }
  }, hostile),
  connect: commandPage("connect", "dual.example", "443"),
  bench: commandPage("bench", "dual.example", "443", "--count", "3"),
  watch: commandPage("watch", "dual.example", "443", "--count", "3")
}

const write = (name: string): string => {
  const file = Path.join(folder, `${name}.html`)
  Fs.writeFileSync(file, pages[name] ?? "")
  return pathToFileURL(file).href
}

const requests = ({ events }: Chromium.Page) =>
  events.filter(({ method }) => method === "Network.requestWillBeSent").map(({ params }) =>
    (params["request"] as { readonly url: string }).url
  )

const complaints = ({ events }: Chromium.Page) =>
  events.filter(({ method }) =>
    method === "Log.entryAdded" || method === "Runtime.exceptionThrown" || method === "Runtime.consoleAPICalled"
  )

const measured = `[...document.querySelectorAll(".chart li > svg")].map((svg) => {
  const picture = svg.getBoundingClientRect()
  const bar = svg.querySelector(".bar").getBoundingClientRect()
  return { from: (bar.left - picture.left) / picture.width, to: (bar.right - picture.left) / picture.width, width: picture.width }
})`

const cases = Object.keys(pages).flatMap((name) =>
  [
    { name, width: 360, scheme: "light" },
    { name, width: 1440, scheme: "dark" },
    ...name === "hostile" ? [{ name, width: 360, scheme: "dark" }, { name, width: 1440, scheme: "light" }] as const : []
  ] as const
)

describe.runIf(Chromium.missing === undefined)("a report in a browser", () => {
  it(
    "stands by itself, fits, and passes axe, at each width and in each colour scheme",
    () =>
      Chromium.withPage(async (page) => {
        for (const { name, scheme, width } of cases) {
          const url = write(name)
          const at = `${name}, ${width} px, ${scheme}`
          const [requestsBefore, complaintsBefore] = [requests(page).length, complaints(page).length]
          await page.open(url, width, scheme)
          const title = await page.evaluate<string>("document.title")
          assert.match(title, / · happy-eyeballs$/, at)
          assert.strictEqual(await page.evaluate<number>("document.querySelectorAll('img, script').length"), 1, at)
          assert.isAtMost(await page.evaluate<number>("document.documentElement.scrollWidth"), width, at)
          const paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
          assert.strictEqual(paper, scheme === "dark" ? "rgb(15, 19, 24)" : "rgb(255, 255, 255)", at)
          await page.evaluate(`${axe}\nundefined`)
          const violations = await page.evaluate(
            "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))"
          )
          assert.deepStrictEqual(violations, [], at)
          assert.isAbove(await page.evaluate<number>("axe.run().then(({ passes }) => passes.length)"), 10, at)
          assert.deepStrictEqual(requests(page).slice(requestsBefore), [url], at)
          assert.deepStrictEqual(complaints(page).slice(complaintsBefore), [], at)
        }
      }),
    120_000
  )

  it("shows each bar where its times are, to a pixel", () =>
    Chromium.withPage(async (page) => {
      for (const width of [360, 1440]) {
        await page.open(write("won"), width, "light")
        const bars = await page.evaluate<ReadonlyArray<{ from: number; to: number; width: number }>>(measured)
        const expected = [
          ...won.resolution.map(({ atMs }) => [0, atMs] as const),
          ...won.attempts.map(({ endedAtMs, startedAtMs }) => [startedAtMs, endedAtMs] as const)
        ]
        assert.strictEqual(bars.length, expected.length)
        for (const [index, [fromMs, toMs]] of expected.entries()) {
          const { from, to, width: picture } = bars[index]!
          assert.closeTo(from * picture, (fromMs / 600) * picture, 1, `${width} px, row ${index}`)
          assert.closeTo(to * picture, (Math.max(toMs, fromMs + 2.4) / 600) * picture, 1, `${width} px, row ${index}`)
        }
      }
    }), 60_000)

  it("copies its JSON by keyboard alone, and says so", () =>
    Chromium.withPage(async (page) => {
      await page.open(write("won"), 1440, "light")
      const press = async (key: string, code: number, text?: string) => {
        const event = { key, code: key, windowsVirtualKeyCode: code, ...text === undefined ? {} : { text } }
        await page.send("Input.dispatchKeyEvent", { type: "keyDown", ...event })
        await page.send("Input.dispatchKeyEvent", { type: "keyUp", ...event })
      }
      for (let tabs = 0; tabs < 10; tabs++) {
        await press("Tab", 9)
        if (await page.evaluate("document.activeElement.id") === "copy") break
      }
      assert.strictEqual(await page.evaluate("document.activeElement.id"), "copy")
      await press("Enter", 13, "\r")
      const said = await page.evaluate<string>(`new Promise((resolve) => {
        const look = () => copied.textContent === "" ? setTimeout(look, 10) : resolve(copied.textContent)
        look()
      })`)
      assert.match(said, /^(copied|selected: copy it with your keyboard)$/)
      if (said === "copied") return
      assert.strictEqual(await page.evaluate("String(getSelection())"), JSON.stringify(won))
    }), 60_000)
})
