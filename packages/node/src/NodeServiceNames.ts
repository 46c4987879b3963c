/**
 * The ports of named services, as this machine's `/etc/services` has them.
 *
 * The file is read when a name is asked for that core's own table lacks, once
 * for each layer; without the file there is that table alone.
 *
 * @since 0.1.0
 */
import * as Target from "@happy-eyeballs/core/Target"
import * as Services from "@happy-eyeballs/dns/Services"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"

/**
 * Makes a look-up of service names from a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (path = "/etc/services"): (name: string) => number | undefined => {
  const wellKnown = Target.ServiceNames.defaultValue()
  let file: ReadonlyMap<string, number> | undefined
  return (name) => wellKnown(name) ?? (file ??= read(path)).get(name)
}

// A pure look-up must answer at once: the file is read synchronously, for a name
// that a person typed and that no table has.
const read = (path: string): ReadonlyMap<string, number> => {
  try {
    return Services.parse(Fs.readFileSync(path, "utf8"))
  } catch {
    return new Map()
  }
}

/**
 * Layer that lets targets name the services of this machine's `/etc/services`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.effect(Target.ServiceNames, Effect.sync(() => make()))
