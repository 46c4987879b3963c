import { assert, describe, it } from "@effect/vitest"
import { AddressPolicy, ConnectError, type ConnectOptions, HappyEyeballs, type Target } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import { once } from "node:events"
import * as Net from "node:net"
import { HappyEyeballsLive } from "../../src/index.ts"
import * as NodeError from "../../src/NodeError.ts"
import * as Servers from "../fixtures/Servers.ts"

const network: World.World = {
  names: {
    "dual.example": [
      { type: "AAAA", addresses: ["2001:db8::1"] },
      { type: "A", addresses: ["192.0.2.1"] }
    ],
    "nowhere.example": [{ type: "AAAA", reason: "NotFound" }, { type: "A", reason: "NotFound" }],
    "unsure.example": [{ type: "AAAA", reason: "NotFound" }, { type: "A", reason: "ServerFailure" }]
  },
  network: {
    "2001:db8::1": { outcome: "unreachable" },
    "192.0.2.1": { outcome: "refuse" },
    "192.0.2.2": { outcome: "refuse" },
    "192.0.2.3": { outcome: "drop" },
    "192.0.2.4": { outcome: "congested" },
    "192.0.2.5": { outcome: "accept", tls: { outcome: "fail" } }
  }
}

const failing = (target: Target.TargetInput, options: ConnectOptions.ConnectOptions = {}): NodeError.NodeError => {
  const layer = HappyEyeballs.HappyEyeballs.layer.pipe(Layer.provide(SimulatedNetwork.layer(network)))
  const program = Effect.gen(function*() {
    const { connect } = yield* HappyEyeballs.HappyEyeballs
    return NodeError.fromConnectError(yield* Effect.flip(connect(target, options)))
  })
  return VirtualTime.runUnsafe(program.pipe(Effect.scoped, Effect.provide(layer)))
}

const list = (...addresses: ReadonlyArray<string>) => ({ addresses, port: 443 })

const brief = ({ address, code, hostname, port, syscall }: NodeError.NodeError) => ({
  address,
  code,
  hostname,
  port,
  syscall
})

describe("NodeError.fromConnectError", () => {
  it("says what all attempts agree on", () => {
    const error = failing(list("192.0.2.1", "192.0.2.2"))
    assert.deepStrictEqual(brief(error), {
      address: "192.0.2.2",
      code: "ECONNREFUSED",
      hostname: "192.0.2.1,192.0.2.2",
      port: 443,
      syscall: "connect"
    })
  })

  it("says what the last attempt said where they disagree", () => {
    const error = failing("dual.example:443")
    assert.deepStrictEqual(brief(error), {
      address: "192.0.2.1",
      code: "ECONNREFUSED",
      hostname: "dual.example",
      port: 443,
      syscall: "connect"
    })
    assert.deepStrictEqual(error.errors.map(brief), [
      { address: "2001:db8::1", code: "EHOSTUNREACH", hostname: "dual.example", port: 443, syscall: "connect" },
      { address: "192.0.2.1", code: "ECONNREFUSED", hostname: "dual.example", port: 443, syscall: "connect" }
    ])
  })

  const table: Record<string, [Target.TargetInput, ConnectOptions.ConnectOptions, string, string | undefined]> = {
    "an attempt without an answer": [list("192.0.2.3"), {}, "ETIMEDOUT", "connect"],
    "the end of the time for all, in the middle of attempts": [
      list("192.0.2.1", "192.0.2.3"),
      { timeout: 1000 },
      "ETIMEDOUT",
      "connect"
    ],
    "the end of the time for all, before there was an address": [
      "silent.example:443",
      { timeout: 1000 },
      "ETIMEDOUT",
      "getaddrinfo"
    ],
    "a name that does not exist": ["nowhere.example:443", {}, "ENOTFOUND", "getaddrinfo"],
    "a name that may exist": ["unsure.example:443", {}, "EAI_AGAIN", "getaddrinfo"],
    "a failed handshake": [list("192.0.2.5"), { tls: true }, "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "connect"],
    "a target that is none": ["", {}, "ERR_INVALID_ARG_VALUE", undefined],
    "an option that is not allowed": ["192.0.2.1:1", { timeout: -1 }, "ERR_INVALID_ARG_VALUE", undefined]
  }

  it.each(Object.entries(table))("has a code for %s", (_, [target, options, code, syscall]) => {
    const error = failing(target, options)
    assert.strictEqual(error.code, code)
    assert.strictEqual(error.syscall, syscall)
  })

  it("has one error for each attempt, those that were not over among them", () => {
    const { errors } = failing(list("192.0.2.3", "192.0.2.1", "192.0.2.4"), { timeout: 1000 })
    assert.deepStrictEqual(errors.map(({ address, code }) => [address, code]), [
      ["192.0.2.3", "ETIMEDOUT"],
      ["192.0.2.1", "ECONNREFUSED"],
      ["192.0.2.4", "EMFILE"]
    ])
  })

  it("says of a denied address what Node's own block list says", () => {
    const layer = HappyEyeballs.HappyEyeballs.layer.pipe(
      Layer.provide(AddressPolicy.layerPublicOnly),
      Layer.provide(SimulatedNetwork.layer(network))
    )
    const error = VirtualTime.runUnsafe(
      Effect.flatMap(HappyEyeballs.HappyEyeballs, ({ connect }) => Effect.flip(connect("127.0.0.1:80"))).pipe(
        Effect.map(NodeError.fromConnectError),
        Effect.scoped,
        Effect.provide(layer)
      )
    )
    assert.strictEqual(error.code, "ERR_IP_BLOCKED")
    assert.match(error.message, /127\.0\.0\.1 is in 127\.0\.0\.0\/8/)
  })

  it("is never without a message, and keeps the whole story as its cause", () => {
    for (const [target, options] of Object.values(table)) {
      const error = failing(target, options)
      assert.instanceOf(error, Error)
      assert.isNotEmpty(error.message)
      assert.instanceOf(error.cause, ConnectError.ConnectError)
      for (const attempt of error.errors) assert.isNotEmpty(attempt.message)
    }
  })

  it("has no property that it cannot fill", () => {
    const error = failing({ path: "/run/none.sock" })
    assert.notProperty(error, "port")
    assert.strictEqual(error.address, "/run/none.sock")
    assert.notProperty(failing("nowhere.example:443"), "address")
  })

  it.live("has the code, call, address and port of Node's own error", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort()
      const [node] = (yield* Effect.promise(() => once(Net.connect({ host: "127.0.0.1", port }), "error"))) as [
        NodeJS.ErrnoException & { readonly address: string; readonly port: number }
      ]
      const ours = yield* Effect.flatMap(
        HappyEyeballs.HappyEyeballs,
        ({ connect }) => Effect.flip(connect(`127.0.0.1:${port}`))
      ).pipe(Effect.map(NodeError.fromConnectError), Effect.provide(HappyEyeballsLive))
      const { address, code, port: at, syscall } = node
      assert.deepInclude(ours, { address, code: code!, port: at, syscall: syscall! })
    }))
})

describe("NodeError.fromDnsErrors", () => {
  it("is the error of dns.lookup", () => {
    const dnsError = (reason: Dns.DnsErrorReason) =>
      new Dns.DnsError({ reason, method: "lookup", hostname: "a.example" })
    const gone = NodeError.fromDnsErrors("a.example", [dnsError("NotFound")])
    assert.deepInclude(gone, { code: "ENOTFOUND", syscall: "getaddrinfo", hostname: "a.example" })
    assert.strictEqual(gone.message, "getaddrinfo ENOTFOUND a.example")
    assert.strictEqual(
      NodeError.fromDnsErrors("a.example", [dnsError("NotFound"), dnsError("Timeout")]).code,
      "EAI_AGAIN"
    )
    assert.strictEqual(NodeError.fromDnsErrors("a.example", []).code, "ENOTFOUND")
  })
})
