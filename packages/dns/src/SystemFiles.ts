/**
 * The port for the system's files, and values made of them that are made again
 * when the file changes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMs } from "./internal/monotonic.ts"

/**
 * Service that reads the system's files.
 *
 * @category services
 * @since 0.1.0
 */
export class SystemFiles extends Context.Service<SystemFiles, {
  /**
   * Gives what changes when the file changes, such as its time and size, or
   * `undefined` where there is no such file or it cannot be read.
   */
  readonly stamp: (path: string) => Effect.Effect<string | undefined>
  /** Reads a file; one that is missing or cannot be read is empty. */
  readonly read: (path: string) => Effect.Effect<string>
}>()("@happy-eyeballs/dns/SystemFiles") {}

/**
 * Gives an effect that makes a value of a file, and makes it again when the
 * file has changed.
 *
 * **Details**
 *
 * The file is looked at no more than once in five seconds, and only when the
 * value is asked for: nothing watches it. An unchanged file gives the very same
 * value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const watched = <A>(
  path: string,
  make: (text: string, exists: boolean) => A
): Effect.Effect<Effect.Effect<A>, never, SystemFiles> =>
  Effect.map(SystemFiles, (files) => {
    let known: { readonly stamp: string | undefined; readonly value: A } | undefined
    let lookedAt = -Infinity
    return Effect.clockWith((clock) => {
      const now = monotonicMs(clock)
      if (known !== undefined && now - lookedAt < lookMs) return Effect.succeed(known.value)
      lookedAt = now
      return Effect.flatMap(files.stamp(path), (stamp) => {
        if (known !== undefined && known.stamp === stamp) return Effect.succeed(known.value)
        return Effect.map(stamp === undefined ? Effect.succeed("") : files.read(path), (text) => {
          known = { stamp, value: make(text, stamp !== undefined) }
          return known.value
        })
      })
    })
  })

const lookMs = Duration.toMillis(Duration.seconds(5))
