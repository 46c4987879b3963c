import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"

/**
 * Draws a query id that nobody can guess (RFC 5452, section 4.3) and that is
 * not taken.
 *
 * @internal
 */
export const queryId = (
  random: SecureRandom["Service"],
  isTaken: (id: number) => boolean = () => false
): Effect.Effect<number> =>
  Effect.map(random.randomBytes(2), ([high = 0, low = 0]) => {
    let id = high << 8 | low
    // The numbers after a random one are as good: whoever could see which are
    // taken could see this one too.
    while (isTaken(id)) id = (id + 1) & 0xffff
    return id
  })
