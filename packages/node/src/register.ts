/**
 * Races for a program that knows nothing of it:
 * `node --import @happy-eyeballs/node/register app.js`.
 *
 * It installs what public hooks reach: the dispatcher behind `fetch`, the
 * global agents of `node:http` and `node:https`, and `dns.lookup`. Options come
 * from the environment, as in `ConnectOptions.config`, such as
 * `HAPPY_EYEBALLS_TIMEOUT="3 seconds"`; a wrong one ends the process.
 * What is not reached is said once, on standard error, unless
 * `HAPPY_EYEBALLS_QUIET` is `true`. No process is kept alive by it.
 *
 * @since 0.1.0
 */
import * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import * as Effect from "effect/Effect"
import { install } from "./internal/plugs/registering.ts"
import * as NodeHappyEyeballs from "./NodeHappyEyeballs.ts"

await Effect.runPromise(install(NodeHappyEyeballs.layerConfig(ConnectOptions.config)))
