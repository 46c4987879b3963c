import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import * as path from "node:path"
import * as readline from "node:readline"
import { root } from "./snippets.ts"

const page = fs.readFileSync(path.join(root, "docs/observability.md"), "utf8")

/** The block of the page that follows a mark. */
const block = (mark: string): ReadonlyArray<string> =>
  new RegExp(`<!-- ${mark} -->\n+\`\`\`text\n(.*?)\n\`\`\``, "s").exec(page)![1]!.split("\n")

const start = (example: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        process.execPath,
        ["--conditions=@happy-eyeballs/source", path.join(root, "examples", example), ...args],
        { cwd: root, stdio: ["ignore", "pipe", "ignore"] }
      )
    ),
    (child) => Effect.sync(() => child.kill())
  )

const listening = <S extends net.Server>(server: S) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      await once(server.listen(0, "127.0.0.1"), "listening")
      return { server, port: (server.address() as net.AddressInfo).port }
    }),
    () => Effect.sync(() => server.close())
  )

const accepting = listening(net.createServer((socket) => socket.on("error", () => {}).end()))

interface Value {
  readonly stringValue?: string
  readonly intValue?: number
}

type Attributes = ReadonlyArray<{ readonly key: string; readonly value: Value }>

interface Span {
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly attributes: Attributes
  readonly status: { readonly code: number; readonly message?: string }
}

interface Point {
  readonly attributes: Attributes
  readonly asDouble?: number
  readonly count?: number
}

interface Measured {
  readonly name: string
  readonly unit: string
  readonly gauge?: { readonly dataPoints: ReadonlyArray<Point> }
  readonly sum?: { readonly dataPoints: ReadonlyArray<Point> }
  readonly histogram?: { readonly dataPoints: ReadonlyArray<Point> }
}

const shown = (attributes: Attributes) =>
  attributes.map(({ key, value }) => ` ${key}=${value.stringValue ?? value.intValue}`).join("")

const spanLines = (spans: ReadonlyArray<Span>, parent?: string, indent = ""): ReadonlyArray<string> =>
  spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
    .flatMap((span) => [
      `${indent}${span.name}${shown(span.attributes)}${
        span.status.code === 2 ? ` [error: ${span.status.message}]` : ""
      }`,
      ...spanLines(spans, span.spanId, `${indent}  `)
    ])

const metricLines = (metrics: ReadonlyArray<Measured>): ReadonlyArray<string> =>
  metrics.flatMap(({ gauge, histogram, name, sum, unit }) =>
    (gauge ?? sum ?? histogram)!.dataPoints.map(({ asDouble, attributes, count }) =>
      `${name}${unit === "1" ? "" : ` (${unit})`}${shown(attributes)} = ${asDouble ?? `${count} value`}`
    )
  )

describe("docs/observability.md", () => {
  it.live("shows the spans and the metrics of one connect as they arrive at a collector", () =>
    Effect.scoped(Effect.gen(function*() {
      const received = new Map<string, ReadonlyArray<unknown>>()
      const collector = yield* listening(http.createServer((request, response) => {
        let body = ""
        request.on("data", (chunk) => body += chunk).on("end", () => {
          received.set(request.url!, [...received.get(request.url!) ?? [], JSON.parse(body)])
          response.end("{}")
        })
      }))
      const { port } = yield* accepting
      const child = yield* start(
        "telemetry-otlp.ts",
        `http://127.0.0.1:${collector.port}`,
        "127.0.0.1:1",
        `127.0.0.1:${port}`
      )
      const [code] = yield* Effect.promise(() => once(child, "exit"))
      assert.strictEqual(code, 0)
      const withPort = (lines: ReadonlyArray<string>) => lines.map((line) => line.replaceAll(String(port), "443"))
      const traces = received.get("/v1/traces") as ReadonlyArray<
        {
          readonly resourceSpans: ReadonlyArray<{ readonly scopeSpans: ReadonlyArray<{ readonly spans: Array<Span> }> }>
        }
      >
      const spans = traces.flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
      )
      assert.deepStrictEqual(withPort(spanLines(spans)), block("spans"))
      const exported = received.get("/v1/metrics") as ReadonlyArray<
        {
          readonly resourceMetrics: ReadonlyArray<
            { readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<Measured> }> }
          >
        }
      >
      const [last] = exported.at(-1)!.resourceMetrics
      assert.sameMembers(
        [...metricLines(last!.scopeMetrics.flatMap(({ metrics }) => metrics))],
        [...block("metrics")]
      )
      const logs = JSON.stringify(received.get("/v1/logs"))
      assert.include(logs, "was reached only by attempt 2 (127.0.0.1)")
    })))

  it.live("shows the metrics as Prometheus collects them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = yield* accepting
      const child = yield* start("telemetry-prometheus.ts", "0", "127.0.0.1:1", `127.0.0.1:${port}`)
      const lines = readline.createInterface(child.stdout)
      const [url] = String((yield* Effect.promise(() => once(lines, "line")))[0]).split(",")
      const text = yield* Effect.promise(async () => (await fetch(url!)).text())
      for (const line of block("prometheus")) assert.include(text.split("\n"), line)
      assert.match(text, /^happy_eyeballs_connect_duration_bucket\{outcome="connected",le="10"\} 1$/m)
      assert.match(text, /^# TYPE happy_eyeballs_connect_duration histogram$/m)
    })))
})
