import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { afterAll, beforeAll } from "vitest"
import * as Snippets from "./snippets.ts"

const folder = path.join(import.meta.dirname, ".snippets")

// What the pages call example.com is a server of this test: nothing asks a name
// server, and nothing leaves this machine.
const server = net.createServer((socket) => socket.on("error", () => {}).end("hello\n"))

const snippets = Snippets.all().map((snippet, index) => ({ ...snippet, file: path.join(folder, `${index}.ts`) }))

beforeAll(async () => {
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as net.AddressInfo
  for (const { code, file } of snippets) {
    const local = code.replaceAll(/example\.com:(443|https)/g, `localhost:${port}`)
    fs.writeFileSync(
      file,
      `import { check as __check } from "../check.ts"\n${Snippets.withChecks(local)}\nvoid __check\nexport {}\n`
    )
  }
  fs.writeFileSync(
    path.join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.base.json",
      compilerOptions: {
        rootDir: "../..",
        noEmit: true,
        composite: false,
        incremental: false,
        noUnusedLocals: false,
        types: ["node"]
      },
      include: ["*.ts", "../../packages/*/src/**/*.d.ts"]
    })
  )
})

afterAll(() => {
  server.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

describe("the code that README, docs and doc comments show", () => {
  it("is there", () => {
    assert.isAbove(snippets.length, 5)
  })

  it.each(snippets)("runs: $at", async ({ file }) => {
    await import(file)
  })

  it("has the right types", () => {
    try {
      execFileSync("npx", ["tsc", "-p", path.join(folder, "tsconfig.json")], { cwd: Snippets.root, encoding: "utf8" })
    } catch (error) {
      const text = String((error as { readonly stdout: string }).stdout)
      const named = snippets.reduce((out, { at }, index) => out.replaceAll(`.snippets/${index}.ts`, at), text)
      assert.fail(named)
    }
  })
})
