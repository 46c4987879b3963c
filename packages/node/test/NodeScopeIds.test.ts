import { assert, describe, it } from "@effect/vitest"
import * as Target from "@happy-eyeballs/core/Target"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Os from "node:os"
import * as NodeScopeIds from "../src/NodeScopeIds.ts"

describe("NodeScopeIds.layer", () => {
  it.effect("lets a target name a zone of this machine, and no other", () =>
    Effect.gen(function*() {
      const lookup = { scopeIds: yield* Target.ScopeIds, serviceNames: yield* Target.ServiceNames }
      const targetIn = (zone: string) =>
        Result.map(Target.fromInput(`[fe80::1%${zone}]:443`, lookup), ({ at }) =>
          at._tag === "Addresses" ? at.addresses.map(({ scopeId }) => scopeId) : [])
      const zones = Object.entries(Os.networkInterfaces()).flatMap(([name, addresses = []]) =>
        addresses.flatMap((address) =>
          address.family === "IPv6" && address.scopeid > 0 ? [[name, address.scopeid]] : []
        )
      )
      if (zones.length === 0) console.log("skipped: no interface of this machine has a link-local address")
      for (const [name, scopeId] of zones) {
        assert.deepStrictEqual(targetIn(String(name)), Result.succeed([Number(scopeId)]))
      }
      assert.isTrue(Result.isFailure(targetIn("nowhere")))
    }).pipe(Effect.provide(NodeScopeIds.layer)))
})
