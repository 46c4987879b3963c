import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

/**
 * Prints what a caller gave, whatever it is, for the message that refuses it.
 *
 * @internal
 */
export const show = (value: unknown): string => typeof value === "string" ? `"${value}"` : print(value)

/**
 * Prints a value as `String` does, also where that throws.
 *
 * @internal
 */
export const print = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return "an object without a text"
  }
}

/**
 * Reads a duration as milliseconds; NaN for everything that is none.
 *
 * **Details**
 *
 * Effect itself reads NaN, `{}` and `{ seconds: "x" }` as zero.
 *
 * @internal
 */
export const millisFrom = (value: unknown): number => {
  if (typeof value === "number") return value
  const readable = typeof value === "string" || typeof value === "bigint" || Duration.isDuration(value) ||
    (Array.isArray(value) ? areNumbers(value) : isDurationObject(value))
  const duration = readable ? Duration.fromInput(value as Duration.Input) : Option.none()
  return Option.isSome(duration) ? Duration.toMillis(duration.value) : NaN
}

const areNumbers = (values: ReadonlyArray<unknown>): boolean =>
  values.every((value) => typeof value === "number" && !Number.isNaN(value))

const isDurationObject = (value: unknown): boolean => {
  if (!Predicate.isObject(value)) return false
  const given = Object.entries(value).filter(([unit, amount]) => units.has(unit) && amount !== undefined)
  return given.length > 0 && areNumbers(given.map(([, amount]) => amount))
}

const units = new Set(["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"])
