/**
 * Whether anybody waits for what is being done.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * Says that a question is asked to fill the cache, and by nobody who waits.
 *
 * **Details**
 *
 * A platform lets its sockets keep no process alive then.
 *
 * @category references
 * @since 0.1.0
 */
export const IsBackground: Context.Reference<boolean> = Context.Reference(
  "@happy-eyeballs/dns/Background/IsBackground",
  {
    defaultValue: () => false
  }
)
