import { assert, describe, it } from "@effect/vitest"
import { Message, type StubResolver, Transport, type Upstream } from "@happy-eyeballs/dns"
import type { Request } from "@happy-eyeballs/dns/Http2"
import { notSpoken } from "@happy-eyeballs/dns/Http2"
import * as Reply from "@happy-eyeballs/dns/testing/Reply"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as Effect from "effect/Effect"
import { describeQuery, type FakeServer, type HttpExchange, idOf } from "./support/network.ts"
import { name, run, server, zoneServer } from "./support/resolver.ts"

type Stub = StubResolver.StubResolver["Service"]

const place = "192.0.2.53:443"
const url = "https://192.0.2.53/dns-query"
const zone = Zone.fromLinesUnsafe([
  "www.example. 60 IN A 192.0.2.80",
  ...Array.from({ length: 300 }, (_, i) => `n${i}.example. 60 IN A 192.0.2.1`)
])
const answer = (query: Uint8Array): Uint8Array => Zone.answer(zone, query) ?? new Uint8Array()
const respond = ({ body }: Request, { respond }: HttpExchange) => respond(10, answer(body))

const ask = (stub: Stub, text = "www.example") => stub.query({ name: name(text), type: 1 }, { refresh: true })

/** One round, so that what is seen is one transport's doing. */
const using = <A, E>(
  fake: FakeServer,
  use: (stub: Stub) => Effect.Effect<A, E>,
  { options, url: text = url }: { readonly options?: StubResolver.Options; readonly url?: string } = {}
) => run({ [place]: fake }, { servers: [server(text)], attempts: 1 }, use, options)

/** What a question ends with: the time, data and time to live, or the failure. */
const outcome = (stub: Stub) =>
  Effect.match(ask(stub), {
    onSuccess: ({ records, transport, ttl }) => `${transport}: ${records.map(Message.formatData).join(" ")} ${ttl}`,
    onFailure: (error: Upstream.NoAnswer) => {
      const [attempt] = error.attempts
      return `${error.reason}: ${attempt?.failure?.detail}`
    }
  })

const https = (http: NonNullable<FakeServer["http"]>): string => using({ http }, outcome).value

describe("HttpsTransport", () => {
  it("asks with POST, id 0 and a padded message, and takes the answer", () => {
    const requests: Array<Request> = []
    const { log, value } = using({
      http: (request, exchange) => {
        requests.push(request)
        respond(request, exchange)
      }
    }, outcome)
    assert.strictEqual(value, "https: 192.0.2.80 60")
    const [{ body, ...rest } = { body: new Uint8Array() }] = requests
    assert.deepStrictEqual(rest, {
      authority: "192.0.2.53",
      path: "/dns-query",
      contentType: "application/dns-message",
      maxLength: 65_535
    })
    assert.deepStrictEqual([idOf(body), body.length, describeQuery(body)], [0, 128, "A www.example."])
    assert.deepStrictEqual(log, [
      `0 https ${place} #0 open`,
      `0 https ${place} #0 < A www.example.`,
      `10 https ${place} #0 close`
    ])
  })

  it("carries many questions in one session, a hundred at once", () => {
    const { log, value } = using(
      { http: respond },
      (stub) =>
        Effect.forEach(
          Array.from({ length: 250 }, (_, i) => `n${i}.example`),
          (text) => Effect.map(ask(stub, text), ({ records }) => records[0]?.owner),
          { concurrency: "unbounded" }
        )
    )
    assert.deepStrictEqual(value, Array.from({ length: 250 }, (_, i) => `n${i}.example.`))
    const at = (ms: number) => log.filter((line) => line.startsWith(`${ms} https`) && line.includes("<")).length
    assert.deepStrictEqual([at(0), at(10), at(20)], [100, 100, 50])
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 1)
  })

  const html = { "content-type": "text/html; charset=utf-8" }
  it.each<[string, (request: Request, exchange: HttpExchange) => void, string]>([
    [
      "an error",
      ({ body }, { respond }) => respond(1, answer(body), { status: 503 }),
      "InvalidResponse: answered with HTTP status 503"
    ],
    [
      "no content",
      (_, { respond }) => respond(1, new Uint8Array(), { status: 204 }),
      "InvalidResponse: answered with HTTP status 204"
    ],
    [
      "a page",
      ({ body }, { respond }) => respond(1, answer(body), { fields: html }),
      "InvalidResponse: answered with text/html; charset=utf-8 and not with application/dns-message"
    ],
    [
      "a type for a terminal",
      ({ body }, { respond }) =>
        respond(1, answer(body), { fields: { "content-type": `\u001b[2J${"x".repeat(500)}` } }),
      `InvalidResponse: answered with \u{fffd}[2J${"x".repeat(196)} and not with application/dns-message`
    ],
    [
      "no message",
      (_, { respond }) => respond(1, new Uint8Array(3)),
      "InvalidResponse: sent no valid answer (malformed message: a length that no message has at byte 0)"
    ],
    [
      "the query itself",
      ({ body }, { respond }) => respond(1, body),
      "InvalidResponse: sent an answer to another question"
    ],
    [
      "an id",
      ({ body }, { respond }) => respond(1, answer(body).with(1, 1)),
      "InvalidResponse: sent an answer to another question"
    ],
    [
      "another question's answer",
      ({ body }, { respond }) => respond(1, answer(body.with(13, 120))),
      "InvalidResponse: sent an answer to another question"
    ],
    ["too much", (_, { fail }) => fail(1, "TooLong"), "InvalidResponse: sent more than 65535 bytes"],
    ["nothing", () => {}, "Timeout: did not answer in 5s"],
    ["SERVFAIL", ({ body }, { respond }) => respond(1, answer(body).with(3, 0x82)), "ServerFailure: answered SERVFAIL"]
  ])("gives a typed error for a server that answers with %s", (_, http, expected) => {
    assert.strictEqual(https(http), expected)
  })

  it("takes the media type in any case and with parameters", () => {
    const fields = { "content-type": "Application/DNS-Message ; x=y" }
    assert.strictEqual(https(({ body }, { respond }) => respond(1, answer(body), { fields })), "https: 192.0.2.80 60")
  })

  it.each<[string, number]>([
    ["0", 60],
    ["20", 40],
    [" 20 ", 40],
    ["20, 50", 40],
    ["59", 1],
    ["60", 0],
    ["61", 0],
    ["99999999999999999999999999", 0],
    ["-20", 60],
    ["+20", 60],
    ["1e1", 60],
    ["0x10", 60],
    ["20.5", 60],
    ["20 s", 60],
    ["", 60],
    ["old", 60]
  ])("takes an answer of the age \"%s\" for one that holds for %i s", (age, ttl) => {
    assert.strictEqual(
      https(({ body }, { respond }) => respond(1, answer(body), { fields: { age } })),
      `https: 192.0.2.80 ${ttl}`
    )
  })

  it("does not keep an answer that is as old as it may become, or a negative one", () => {
    const count = (text: string, age: number) =>
      using(
        { http: ({ body }, { respond }) => respond(1, answer(body), { fields: { age: String(age) } }) },
        (stub) => Effect.repeat(stub.query({ name: name(text), type: 1 }), { times: 1 })
      ).asked.length
    assert.deepStrictEqual([count("www.example", 59), count("www.example", 60)], [1, 2])
    // What a SOA record says holds for the less of two times, here 60 s and 3600 s.
    assert.deepStrictEqual([count("gone.example", 59), count("gone.example", 60)], [1, 2])
    const longer = Reply.concat([Reply.name("ns."), Reply.name("admin."), Reply.u32(1, 2, 3, 4, 60)])
    const { asked } = using({
      http: (_, { respond }) =>
        respond(
          1,
          Reply.encode({
            id: 0,
            question: { name: "gone.example.", type: 1 },
            rcode: 3,
            authorities: [{ owner: "example.", type: 6, ttl: 3600, data: longer }]
          }),
          { fields: { age: "60" } }
        )
    }, (stub) => Effect.repeat(stub.query({ name: name("gone.example"), type: 1 }), { times: 1 }))
    assert.strictEqual(asked.length, 2)
  })

  const redirected = (location: string, status = 308) => {
    const paths: Array<string> = []
    const value = https((request, exchange) => {
      paths.push(`${request.authority}${request.path}`)
      if (request.path === "/new?a=b") respond(request, exchange)
      else exchange.respond(1, new Uint8Array(), { status, fields: { location } })
    })
    return { paths, value }
  }

  it.each([
    ["/new?a=b", 308],
    ["/new?a=b#part", 307],
    ["https://192.0.2.53/new?a=b", 302],
    ["HTTPS://192.0.2.53:443/new?a=b", 301],
    ["//192.0.2.53/new?a=b", 308]
  ])("follows a redirect to %s, with status %i, on the same host", (location, status) => {
    assert.deepStrictEqual(redirected(location, status), {
      paths: ["192.0.2.53/dns-query", "192.0.2.53/new?a=b"],
      value: "https: 192.0.2.80 60"
    })
  })

  it.each([
    "https://192.0.2.54/new?a=b",
    "https://192.0.2.53:8443/new?a=b",
    "https://192.0.2.53@evil.example/new?a=b",
    "https://192.0.2.53.evil.example/new?a=b",
    "http://192.0.2.53/new?a=b",
    "//evil.example/new?a=b",
    "\\\\evil.example/new",
    "javascript:alert(1)",
    "/\r\nx: y",
    "new",
    ""
  ])("follows no redirect to %j", (location) => {
    const { paths, value } = redirected(location)
    assert.deepStrictEqual(paths, ["192.0.2.53/dns-query"])
    assert.match(
      value,
      /^InvalidResponse: answered with HTTP status 308, to .*: it is followed to paths of its own only$/
    )
    assert.notMatch(value, /[\r\n]/)
  })

  it("follows no redirect that wants another method or says no place", () => {
    assert.strictEqual(redirected("/new?a=b", 303).value, "InvalidResponse: answered with HTTP status 303")
    assert.strictEqual(
      https((_, { respond }) => respond(1, new Uint8Array(), { status: 308 })),
      "InvalidResponse: answered with HTTP status 308"
    )
  })

  it("stops where a server redirects without end", () => {
    const { paths, value } = redirected("/again")
    assert.strictEqual(paths.length, 4)
    assert.strictEqual(value, "InvalidResponse: redirects without end, lastly to /again")
  })

  it("asks again in a new session what an ending one has not answered", () => {
    const { log, value } = using(
      {
        http: (request, exchange) => {
          if (exchange.index > 0 || exchange.nth === 0) respond(request, exchange)
          if (exchange.index === 0) exchange.close(20)
        }
      },
      (stub) =>
        Effect.forEach(
          ["n0.example", "n1.example", "n2.example"],
          (text) => Effect.map(ask(stub, text), ({ records }) => records[0]?.owner),
          { concurrency: "unbounded" }
        )
    )
    assert.deepStrictEqual(value, ["n0.example.", "n1.example.", "n2.example."])
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 2)
  })

  it("opens a new session where the server takes no more requests in the old", () => {
    const { log, value } = using({
      http: (request, exchange) => {
        respond(request, exchange)
        exchange.close(20)
      }
    }, (stub) => Effect.andThen(outcome(stub), Effect.delay(outcome(stub), 50)))
    assert.strictEqual(value, "https: 192.0.2.80 60")
    assert.deepStrictEqual(log.filter((line) => line.endsWith("open")), [
      `0 https ${place} #0 open`,
      `60 https ${place} #1 open`
    ])
  })

  it("sends a request again once that the server gave up, and no more than once, though others are answered", () => {
    const recovers = https((request, exchange) =>
      exchange.nth === 0 ? exchange.fail(1, "Reset") : respond(request, exchange)
    )
    assert.strictEqual(recovers, "https: 192.0.2.80 60")
    const { asked, log, value } = using({
      http: (request, exchange) => exchange.nth === 0 ? respond(request, exchange) : exchange.fail(1, "Reset")
    }, (stub) => Effect.andThen(outcome(stub), outcome(stub)))
    assert.strictEqual(value, "Temporary: gave up the request without an answer")
    assert.strictEqual(asked.length, 3)
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 1)
  })

  it("fails when two sessions in a row end without an answer", () => {
    const { log, value } = using({ http: (_, { close }) => close(5) }, outcome)
    assert.strictEqual(value, "Temporary: closed the connection without an answer")
    assert.strictEqual(log.filter((line) => line.endsWith("open")).length, 2)
  })

  it("tells the server that nobody waits any more, and goes on using the session", () => {
    const { log } = using({
      http: (request, exchange) => exchange.nth > 0 ? respond(request, exchange) : undefined
    }, (stub) => Effect.andThen(Effect.timeoutOption(ask(stub), 300), ask(stub)))
    assert.deepStrictEqual(log, [
      `0 https ${place} #0 open`,
      `0 https ${place} #0 < A www.example.`,
      `300 https ${place} #0 reset`,
      `300 https ${place} #0 < A www.example.`,
      `310 https ${place} #0 close`
    ])
  })

  it("takes another session after five hundred requests that were given up, and closes the first when it is empty", () => {
    const { log } = using(
      { http: (request, exchange) => exchange.index > 0 ? respond(request, exchange) : undefined },
      (stub) =>
        Effect.all([
          Effect.timeoutOption(ask(stub), 900),
          Effect.forEach(
            Array.from({ length: 500 }, (_, i) => `n${i % 300}.example`),
            (text) => Effect.timeoutOption(ask(stub, text), 1),
            { concurrency: 50 }
          ),
          Effect.delay(ask(stub, "n0.example"), 100)
        ], { concurrency: "unbounded" })
    )
    assert.deepStrictEqual(log.filter((line) => !line.includes("<") && !line.endsWith("reset")), [
      `0 https ${place} #0 open`,
      `100 https ${place} #1 open`,
      `900 https ${place} #0 close`,
      `900 https ${place} #1 close`
    ])
  })

  it("closes a session that was silent until the timeout, and one that is idle for 10 s", () => {
    const silent = using(
      { http: (request, exchange) => exchange.index > 0 ? respond(request, exchange) : undefined },
      (stub) => Effect.andThen(outcome(stub), outcome(stub))
    )
    assert.strictEqual(silent.value, "https: 192.0.2.80 60")
    assert.include(silent.log, `5000 https ${place} #0 close`)
    const idle = using({ http: respond }, (stub) => Effect.andThen(outcome(stub), Effect.sleep(60_000)))
    assert.strictEqual(idle.log.at(-1), `10010 https ${place} #0 close`)
  })

  it("asks a second time without EDNS after FORMERR, and from then on at once", () => {
    const edns: Array<number> = []
    using({
      http: ({ body }, { respond }) => {
        edns.push(body[11] ?? 0)
        respond(1, body[11] === 1 ? Reply.encode({ id: 0, question: undefined, rcode: 1 }) : answer(body))
      }
    }, (stub) => Effect.andThen(outcome(stub), outcome(stub)))
    assert.deepStrictEqual(edns, [1, 0, 0])
  })

  it("sends nothing to a server that proves nothing, and says what is wrong with one that cannot be reached", () => {
    const said = (fake: FakeServer) => {
      const { log, value } = using(fake, outcome)
      assert.deepStrictEqual(log, [])
      return value
    }
    assert.strictEqual(
      said({ http: respond, provesNothing: true }),
      "Refused: could not be verified: has the wrong key"
    )
    assert.strictEqual(said({}), "Refused: cannot be reached (ECONNREFUSED)")
    assert.strictEqual(
      said({ connectFails: "Tls", connectFailsBy: notSpoken }),
      "Refused: does not speak HTTP/2, which DNS over HTTPS needs here"
    )
  })

  it("reaches a server that has a name by its bootstrap addresses, and asks nobody where it is", () => {
    const requests: Array<Request> = []
    const { log, value } = run(
      { "192.0.2.2:8443": { http: (request, exchange) => (requests.push(request), respond(request, exchange)) } },
      { servers: [server("https://dns.example:8443/q?bootstrap=192.0.2.1&bootstrap=192.0.2.2")] },
      outcome
    )
    assert.strictEqual(value, "https: 192.0.2.80 60")
    assert.deepStrictEqual(requests.map(({ authority, path }) => `${authority}${path}`), ["dns.example:8443/q"])
    assert.deepStrictEqual(log, [
      "250 https 192.0.2.2:8443 #0 open",
      "250 https 192.0.2.2:8443 #0 < A www.example.",
      "260 https 192.0.2.2:8443 #0 close"
    ])
  })

  it("steps down from HTTPS to clear text where, and only where, an opportunistic profile says so", () => {
    const steps = (profile: string, fake: FakeServer) =>
      run(
        {
          [place]: { http: respond, provesNothing: true, ...fake },
          "192.0.2.53:53": zoneServer(["www.example. 60 IN A 192.0.2.81"])
        },
        { servers: [server(`${url}${profile}`)] },
        outcome
      ).value
    assert.strictEqual(steps("", {}), "Refused: could not be verified: has the wrong key")
    assert.strictEqual(steps("?profile=opportunistic", {}), "https: 192.0.2.80 60")
    assert.strictEqual(steps("?profile=opportunistic", { connectFails: "Refused" }), "udp: 192.0.2.81 60")
  })

  it("leaves nothing open wherever in a question it is interrupted", () => {
    for (const ms of [0, 1, 50, 99, 100, 101, 105, 109, 110, 111]) {
      const { log } = using({ http: respond, connectMs: 100 }, (stub) => Effect.timeoutOption(ask(stub), ms))
      assert.strictEqual(
        log.filter((line) => line.endsWith("open")).length,
        log.filter((line) => line.endsWith("close")).length,
        `${ms} ms`
      )
    }
  })

  it("says in its errors which server it was", () => {
    const { value } = using({ http: (_, { close }) => close(1) }, (stub) => Effect.flip(ask(stub)))
    assert.strictEqual(
      value.message,
      "no answer for A www.example: https://192.0.2.53:443/dns-query closed the connection without an answer"
    )
    const [attempt] = value.attempts
    assert.strictEqual(attempt?.failure === undefined ? "" : Transport.toDnsReason(attempt.failure), "Temporary")
  })
})
