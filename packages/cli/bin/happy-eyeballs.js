#!/usr/bin/env node
// Runs the command line: in a checkout from its sources, installed from `dist`.
// Plain and without static imports, so that a Node that is too old gets as far
// as the sentence that says so.
const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`happy-eyeballs: Node 22.19 or newer is needed, this is ${process.version}\n`)
  process.exit(2)
}

const installed = import.meta.url.includes("/node_modules/")
if (!installed) {
  const { registerHooks } = await import("node:module")
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, "@happy-eyeballs/source"] })
  })
}
await import(installed ? "../dist/main.js" : "../src/main.ts")
