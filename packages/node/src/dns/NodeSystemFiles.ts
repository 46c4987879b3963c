/**
 * The system's files with `node:fs`.
 *
 * @since 0.1.0
 */
import { SystemFiles } from "@happy-eyeballs/dns/SystemFiles"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs/promises"

/**
 * Layer that reads the system's files.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<SystemFiles> = Layer.succeed(
  SystemFiles,
  SystemFiles.of({
    stamp: (path) =>
      Effect.tryPromise(() => Fs.stat(path, { bigint: true })).pipe(
        Effect.map(({ ino, mtimeNs, size }) => `${ino} ${size} ${mtimeNs}`),
        Effect.orElseSucceed(() => undefined)
      ),
    read: (path) => Effect.orElseSucceed(Effect.tryPromise(() => Fs.readFile(path, "utf8")), () => "")
  })
)
