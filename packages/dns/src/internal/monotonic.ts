import type * as Clock from "effect/Clock"

/**
 * Milliseconds of a clock that nobody sets.
 *
 * @internal
 */
export const monotonicMs = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
