/**
 * All addresses of a name at once, for those who cannot take them one by one.
 */
import * as AddressSelection from "@happy-eyeballs/core/AddressSelection"
import * as Answers from "@happy-eyeballs/core/Answers"
import { defaults } from "@happy-eyeballs/core/ConnectOptions"
import type { Answer, Resolver } from "@happy-eyeballs/core/Resolver"
import type { SourceAddresses } from "@happy-eyeballs/core/SourceAddress"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import type * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"

export interface Options {
  readonly resolutionDelay?: Duration.Input | undefined
  readonly timeout?: Duration.Input | undefined
}

/**
 * Gives the addresses of a name in the order of RFC 6724.
 *
 * Who gets a list cannot be told more later. So IPv4 is waited for, because
 * without it there may be no way to connect at all; and IPv6, when IPv4 is
 * there, for the resolution delay of RFC 8305, section 3.
 */
export const addressesOf = Effect.fnUntraced(function*(
  resolver: Resolver["Service"],
  sources: SourceAddresses,
  hostname: Host.DomainName,
  family: NetAddress.IpFamily | undefined,
  options: Options
): Effect.fn.Return<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, Dns.DnsError> {
  const types = family === undefined ? ["AAAA", "A"] as const : family === "IPv6" ? ["AAAA"] as const : ["A"] as const
  const enough = yield* Deferred.make<void>()
  let answers = Answers.empty
  const hear = (answer: Answer) => {
    answers = Answers.add(answers, answer)
    return Answers.addresses(answers).some(NetAddress.isIpv4Address)
      ? Effect.asVoid(Deferred.succeed(enough, undefined))
      : Effect.void
  }
  const delay = Effect.sleep(options.resolutionDelay ?? defaults.resolutionDelay)
  const inTime = yield* Stream.runForEach(resolver.resolve({ name: hostname, types }), hear).pipe(
    Effect.raceFirst(Effect.andThen(Deferred.await(enough), delay)),
    Effect.timeoutOption(options.timeout ?? defaults.timeout)
  )
  const found = Answers.addresses(answers)
  yield* sources.fill(found)
  const sorted = AddressSelection.sort(found, { address: (address) => address, source: sources.peek })
  if (Arr.isReadonlyArrayNonEmpty(sorted)) return sorted
  const failures = answers.answers.flatMap((answer) => answer._tag === "Failed" ? [answer.error] : [])
  const reason = inTime._tag === "None" ? "Timeout" : "NotFound"
  return yield* failures.find((failure) => failure.isTemporary) ?? failures[0] ??
    new Dns.DnsError({ reason, method: "lookup", hostname })
})
