// Run by Promise.test.ts: connects to the addresses given, says what happened, and has nothing more to do. Without
// addresses it connects to nothing at all.
import { connect } from "../../../src/promise.ts"

const targets = process.argv.slice(2)
if (targets.length > 0) {
  const connection = await connect(targets, { connectionAttemptDelay: 10 })
  await connection[Symbol.asyncDispose]()
  const failed = await connect(targets.slice(0, 1), { timeout: 20 }).catch((error) => error)
  console.log(`${connection.report.winner?.address} ${failed.code}`)
} else console.log("nothing")
