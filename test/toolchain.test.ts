import { assert, it } from "@effect/vitest"
it("runs under the Node that the repository brings", () => {
  assert.isAtLeast(Number(process.versions.node.split(".")[0]), 22)
})
