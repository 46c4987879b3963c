import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Cast from "../src/demo/Cast.ts"
import * as DemoNetwork from "../src/demo/DemoNetwork.ts"
import * as Scene from "../src/demo/Scene.ts"
import { runNode } from "./child.ts"

const linux = process.platform === "linux"

describe("the demo", () => {
  it.live("ends 0 by itself, with both races of both scenes", () =>
    Effect.gen(function*() {
      const { code, elapsedMs, stderr, stdout } = yield* Effect.promise(() =>
        runNode({ args: ["--conditions=@happy-eyeballs/source", "src/demo.ts"] })
      )
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
      assert.isBelow(elapsedMs, 20_000)
      assert.strictEqual(stdout.match(/^ygg\.re, ports 443 and 80$/gm)?.length, 2)
      assert.strictEqual(stdout.match(/^ygg\.re, port 443$/gm)?.length, 2)
      assert.isAtMost(Math.max(...stdout.split("\n").map((line) => line.length)), 80)
      const has = yield* Effect.forEach(Cast.wanted, DemoNetwork.hasAddress)
      if (!linux || !has.every(Boolean)) {
        console.log(`not compared to the story: this needs Linux and ${Cast.wanted.join(", ")}`)
        return
      }
      const ends = stdout.split("\n").filter((line) => /^[✓✗] (connected|could not)/.test(line))
      assert.match(ends[0] ?? "", /✓ connected to 127\.0\.0\.1:443 in \d+ ms; 2 interrupted, 1 refused/)
      assert.match(ends[1] ?? "", /✓ connected to 127\.0\.0\.1:443/)
      assert.match(ends[2] ?? "", /✓ connected to 127\.0\.0\.2:443 in 1\.\d+ s; 1 interrupted, 6 refused/)
      assert.match(ends[3] ?? "", /✗ could not connect to ygg\.re, port 443 after \d+ ms: 2 timed out, 2 refused/)
    }))

  it.live("tells the second scene with two addresses where there are no more", () =>
    Effect.gen(function*() {
      const { second = [] } = Cast.without(["127.0.0.2", "127.0.0.3"])
      if (!linux || !(yield* DemoNetwork.hasAddress("::1"))) {
        console.log("skipped: this needs Linux and ::1")
        return
      }
      const { nodes, ours } = yield* Scene.play(second)
      assert.deepStrictEqual(ours.winner, { address: "::1", port: 443, family: "IPv6", protocol: "tcp" })
      assert.isFalse(nodes.ok)
      assert.deepStrictEqual(nodes.attempts.map(({ address, kind }) => [address, kind]), [
        ["::1", "Timeout"],
        ["127.0.0.1", "Refused"]
      ])
    }))

  it.live("knows which addresses this machine lacks", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* DemoNetwork.hasAddress("127.0.0.1"))
      assert.isFalse(yield* DemoNetwork.hasAddress("192.0.2.1"))
    }))
})
