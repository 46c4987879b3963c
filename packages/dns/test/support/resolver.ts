/**
 * Stub resolvers in virtual time.
 */
import { VirtualTime } from "@happy-eyeballs/core/testing"
import { NameServer, StubResolver } from "@happy-eyeballs/dns"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Host from "effect/net/Host"
import * as Result from "effect/Result"
import { type FakeNetwork, fakeNetwork, type FakeServer } from "./network.ts"

export const name = Host.domainNameFromStringUnsafe

export const server = (text: string): NameServer.NameServer => Result.getOrThrow(NameServer.fromString(text))

/** A server that answers from lines of a zone, over every protocol, so long after the question. */
export const zoneServer = (
  lines: ReadonlyArray<string>,
  options: { readonly afterMs?: number; readonly negativeTtl?: number } = {}
): FakeServer => {
  const zone = Zone.fromLinesUnsafe(lines, options)
  const answer = (query: Uint8Array) => Zone.answer(zone, query) ?? new Uint8Array()
  const afterMs = options.afterMs ?? 10
  return {
    udp: (query) => [[afterMs, answer(query)]],
    stream: (query, { send }) => send(afterMs, answer(query)),
    http: ({ body }, { respond }) => respond(afterMs, answer(body))
  }
}

export interface Run<A> {
  readonly value: A
  readonly log: ReadonlyArray<string>
  /** `20 AAAA www.example.` for each question that reached a server. */
  readonly asked: ReadonlyArray<string>
}

/** Uses a stub resolver in virtual time and sees to it that nothing is left open. */
export const run = <A, E>(
  servers: Readonly<Record<string, FakeServer>>,
  config: StubResolver.Config | Effect.Effect<StubResolver.Config>,
  use: (stub: StubResolver.StubResolver["Service"], network: FakeNetwork) => Effect.Effect<A, E>,
  options?: StubResolver.Options
): Run<A> => {
  const network = fakeNetwork(servers)
  const exit = VirtualTime.run(
    Effect.scoped(
      Effect.flatMap(
        StubResolver.make(Effect.isEffect(config) ? config : Effect.succeed(config), options),
        (stub) => use(stub, network)
      )
    ).pipe(Effect.provide(network.layer))
  )
  if (network.open() !== 0) throw new Error(`sockets left open: ${network.log.join("\n")}`)
  if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
  const asked = network.log.filter((line) => line.includes(" < "))
    .map((line) => line.replace(/^(\d+) \S+ \S+(?: #\d+)? < /, "$1 "))
  return { value: exit.value, log: network.log, asked }
}
