import { defineConfig } from "vitest/config"

const conditions = ["@happy-eyeballs/source"]

const project = (name: string, root: string) => ({
  extends: true as const,
  root,
  test: { name, include: ["test/**/*.test.ts"] }
})

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    execArgv: ["--expose-gc", "--conditions=@happy-eyeballs/source"],
    setupFiles: [`${import.meta.dirname}/scripts/vitest-setup.ts`],
    testTimeout: 30_000,
    // What CI counts at its end.
    reporters: process.env["CI"] === "true"
      ? ["default", ["json", { outputFile: "node_modules/.cache/tests.json" }]]
      : ["default"],
    projects: [
      ...["core", "dns", "node", "cli"].map((name) => project(name, `packages/${name}`)),
      project("workspace", ".")
    ]
  }
})
