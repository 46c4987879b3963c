import * as fs from "node:fs"
import * as path from "node:path"

const [, , project, effect] = process.argv as [string, string, string, string]

const tarballs = fs.readdirSync(project).filter((file) => file.endsWith(".tgz"))

const local = Object.fromEntries(tarballs.map((file) => {
  const name = /^happy-eyeballs-(\w+)-/.exec(file)![1]!
  return [`@happy-eyeballs/${name}`, `file:${file}`]
}))

fs.writeFileSync(
  path.join(project, "package.json"),
  JSON.stringify({ private: true, type: "module", dependencies: { effect, ...local }, overrides: local }, null, 2)
)
