import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as ConnectPage from "../src/html/ConnectPage.ts"
import * as HtmlPage from "../src/html/HtmlPage.ts"
import type * as ReportRows from "../src/ReportRows.ts"

export const attempt = (
  endpoint: string,
  startedAtMs: number,
  endedAtMs: number,
  outcome: ConnectReport.AttemptReport["outcome"],
  kind: ConnectReport.AttemptReport["kind"] = null,
  code: string | null = null
): ConnectReport.AttemptReport => {
  const colon = endpoint.lastIndexOf(":")
  return {
    address: endpoint.slice(0, colon).replaceAll(/[[\]]/g, ""),
    port: Number(endpoint.slice(colon + 1)),
    startedAtMs,
    endedAtMs,
    outcome,
    kind,
    code
  }
}

export const answer = (
  type: ConnectReport.ResolutionReport["type"],
  atMs: number,
  addresses: ReadonlyArray<string>,
  reason: ConnectReport.ResolutionReport["reason"] = null
): ConnectReport.ResolutionReport => ({ type, atMs, addresses, ttlSeconds: null, reason })

/** The article's story: silence, a refusal, and an address that answers. */
export const won: ConnectReport.ConnectReport = {
  ok: true,
  target: { host: "ygg.re", ports: [443, 80] },
  winner: { address: "192.0.2.3", port: 443, family: "IPv4", protocol: "tls" },
  elapsedMs: 600,
  attempts: [
    attempt("[2001:db8::1]:443", 20, 600, "interrupted"),
    attempt("192.0.2.1:443", 270, 272.4, "failed", "Refused", "ECONNREFUSED"),
    attempt("[2001:db8::2]:443", 272.4, 600, "interrupted"),
    attempt("192.0.2.2:443", 522.4, 560, "failed", "Tls", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    attempt("192.0.2.3:443", 560, 600, "connected")
  ],
  resolution: [
    answer("AAAA", 20, ["2001:db8::1", "2001:db8::2"]),
    answer("A", 41.5, ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
  ],
  error: null
}

export const failed: ConnectReport.ConnectReport = {
  ok: false,
  target: { host: "dual.example", ports: [443] },
  winner: null,
  elapsedMs: 1270,
  attempts: [
    attempt("192.0.2.1:443", 20, 1270, "failed", "Reset", "ECONNRESET"),
    attempt("192.0.2.2:443", 270, 275, "failed", "Unreachable", "ENETUNREACH")
  ],
  resolution: [answer("AAAA", 12, [], "NotFound"), answer("A", 20, ["192.0.2.1", "192.0.2.2"])],
  error: { tag: "AllAttemptsFailed", message: "could not connect to dual.example:443: …" }
}

/** A report as a page. */
export const pageOf = (
  report: ConnectReport.ConnectReport,
  title = "ygg.re",
  handshakes: ReportRows.Handshakes = new Map()
): string =>
  HtmlPage.format({
    title,
    summary: "a summary",
    sections: [
      ...ConnectPage.sections(report, handshakes),
      ...ConnectPage.optionsTable({ timeout: 3000, family: "IPv4" })
    ],
    json: [JSON.stringify(report)]
  })
