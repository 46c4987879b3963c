/**
 * The name servers of `--dns`, and the racer that resolves through them.
 *
 * @since 0.1.0
 */
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as NameServer from "@happy-eyeballs/dns/NameServer"
import { NodeDialer, NodeHappyEyeballs, NodeScopeIds, NodeStubResolver } from "@happy-eyeballs/node"
import * as Flag from "effect/cli/Flag"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"

/**
 * The flag, with what it is for in a command.
 *
 * @category flags
 * @since 0.1.0
 */
export const flag = (description: string): Flag.Flag<ReadonlyArray<string>> =>
  Flag.String("dns").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription(description),
    Flag.atLeast(0)
  )

/**
 * Who resolves and connects.
 *
 * @category models
 * @since 0.1.0
 */
export interface Upstreams {
  /** The servers, without their parameters; empty: as this machine is set up. */
  readonly servers: ReadonlyArray<string>
  readonly resolver: Resolver["Service"]
  readonly happyEyeballs: HappyEyeballs["Service"]
}

/**
 * Reads name servers as `--dns` has them.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (
  urls: ReadonlyArray<string>
): Result.Result<ReadonlyArray<NameServer.NameServer>, NameServer.InvalidNameServer> =>
  Result.all(urls.map((url) => NameServer.fromString(url, { scopeIds: NodeScopeIds.scopeIds() })))

/**
 * Gives the racer of this command line or, with servers, one that resolves
 * through these, in order of preference, and through no others.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(
  urls: ReadonlyArray<string>
): Effect.fn.Return<Upstreams, NameServer.InvalidNameServer, HappyEyeballs | Resolver | Scope.Scope> {
  if (urls.length === 0) return { servers: [], resolver: yield* Resolver, happyEyeballs: yield* HappyEyeballs }
  const servers = yield* Effect.fromResult(parse(urls))
  const context = yield* Layer.build(
    NodeHappyEyeballs.layerNoDeps.pipe(
      Layer.provide(NodeDialer.layer),
      Layer.provideMerge(NodeStubResolver.layer(servers))
    )
  )
  return {
    servers: servers.map(NameServer.format),
    resolver: Context.get(context, Resolver),
    happyEyeballs: Context.get(context, HappyEyeballs)
  }
})
