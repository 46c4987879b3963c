// Loaded before a program, as register is, with the names of the tests.
import * as Effect from "effect/Effect"
import { install } from "../../../src/internal/plugs/registering.ts"
import * as Web from "./http.ts"

await Effect.runPromise(install(Web.layer))
