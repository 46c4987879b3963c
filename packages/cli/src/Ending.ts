/**
 * How a command ends when it does not end well.
 *
 * Exit codes: 0 it worked, 1 it did not, 2 it was asked for wrongly, 130 it was
 * interrupted, which Effect's runner gives by itself.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"

/**
 * Ends the process with a code; what there was to say has been said.
 *
 * @category errors
 * @since 0.1.0
 */
export class Ending extends Data.TaggedError("Ending")<{ readonly code: 1 | 2 }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

/**
 * It was understood, and it did not work.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unsuccessful: Ending = new Ending({ code: 1 })

/**
 * It was asked for wrongly: usage, target, options, an input file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const misused: Ending = new Ending({ code: 2 })
