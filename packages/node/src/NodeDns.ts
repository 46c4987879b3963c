/**
 * Effect's own services for names, over the resolver that connects use.
 *
 * What is built on `Dns` or `AddressResolver` of `effect/net` then asks the
 * same name servers, cache and encryption. Only looking up addresses is
 * offered: a `Resolver` answers no other questions.
 *
 * @since 0.1.0
 */
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as Option from "effect/Option"
import { addressesOf } from "./internal/plugs/addressesOf.ts"
import type { Options } from "./NodeLookup.ts"
import { scopeIds } from "./NodeScopeIds.ts"
import * as NodeSourceAddress from "./NodeSourceAddress.ts"

/**
 * Layer with a `Dns` that looks up addresses.
 *
 * **Details**
 *
 * Both families are asked at once, and addresses come in the order of RFC 6724.
 *
 * **Gotchas**
 *
 * `resolve` and `reverse` fail with `Unsupported`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Dns.Dns, never, Resolver> =>
  Layer.effect(
    Dns.Dns,
    Effect.gen(function*() {
      const resolver = yield* Resolver
      const sources = yield* NodeSourceAddress.make()
      return Dns.make({ lookup: (host, family) => addressesOf(resolver, sources, host, family, options) })
    })
  )

/**
 * Layer with an `AddressResolver` that looks up addresses, and knows the zones
 * of this machine.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAddressResolver = (
  options: Options = {}
): Layer.Layer<AddressResolver.AddressResolver, never, Resolver> =>
  Layer.provide(
    AddressResolver.layer({ scopeId: (name) => Effect.sync(() => Option.fromUndefinedOr(scopeIds().get(name))) }),
    layer(options)
  )
