/**
 * The zones of this machine's network interfaces.
 *
 * A link-local address such as `fe80::1%eth0` names the interface it is
 * reached by. Interfaces come and go, so they are asked each time.
 *
 * @since 0.1.0
 */
import * as Target from "@happy-eyeballs/core/Target"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Os from "node:os"

/**
 * Gives the scope identifier of each network interface, by name.
 *
 * @category getters
 * @since 0.1.0
 */
export const scopeIds = (): ReadonlyMap<string, number> =>
  NetAddress.scopeIdsFromInterfaces(Object.entries(Os.networkInterfaces()))

/**
 * Layer that lets targets name a zone of this machine, as in `fe80::1%eth0`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.succeed(Target.ScopeIds, scopeIds)
