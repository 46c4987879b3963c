import { assert, describe, it } from "@effect/vitest"
import { NodeServiceNames } from "@happy-eyeballs/node"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

describe("NodeServiceNames.make", () => {
  it("knows what the file says beside core's own table, which goes first", () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "services-"))
    try {
      const path = Path.join(folder, "services")
      Fs.writeFileSync(path, "gopher 70/tcp # old\nhttps 4430/tcp\ntalk 517/udp\n")
      assert.deepStrictEqual(["gopher", "https", "talk", "nothing"].map(NodeServiceNames.make(path)), [
        70,
        443,
        undefined,
        undefined
      ])
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  })

  it("has core's own table where there is no file", () => {
    assert.deepStrictEqual(["submissions", "gopher"].map(NodeServiceNames.make("/nowhere/services")), [465, undefined])
  })
})
