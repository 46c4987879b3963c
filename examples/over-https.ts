// Names from a resolver over HTTPS, and what they say of a service: its port, its
// protocols, and hints of its addresses.
//
//   node examples/over-https.ts 'https://dns.example/dns-query?bootstrap=192.0.2.53' example.com
import { Resolver } from "@happy-eyeballs/core"
import { NodeStubResolver } from "@happy-eyeballs/node"
import { Console, Effect, Stream } from "effect"
import { Host, NetAddress } from "effect/net"

const [, , server = "", name = ""] = process.argv

const describe = (answer: Resolver.Answer): string => {
  switch (answer._tag) {
    case "Services":
      return answer.records.map(({ alpn, ipv4hint, port, target }) =>
        `${target} speaks ${alpn.join()} on port ${port ?? 443}, perhaps at ${ipv4hint.map(NetAddress.formatIp).join()}`
      ).join("\n")
    case "Addresses":
      return answer.addresses.map(NetAddress.formatIp).join("\n")
    case "Failed":
      return `no ${answer.type}: ${answer.error.reason}`
  }
}

const program = Effect.gen(function*() {
  const { resolve } = yield* Resolver.Resolver
  const query: Resolver.Query = {
    name: yield* Effect.fromResult(Host.domainNameFromString(name)),
    types: ["HTTPS", "AAAA", "A"]
  }
  yield* Stream.runForEach(resolve(query), (answer) => Console.log(describe(answer)))
})

await Effect.runPromise(Effect.provide(program, NodeStubResolver.layer([server])))
