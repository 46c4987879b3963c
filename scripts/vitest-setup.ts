import { addEqualityTesters } from "@effect/vitest"

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  throw new Error(
    `Tests need Node 22.19 or newer and run under ${process.version}: start them with "npm test" or "npx vitest", ` +
      "which find the Node that this repository brings."
  )
}

addEqualityTesters()
