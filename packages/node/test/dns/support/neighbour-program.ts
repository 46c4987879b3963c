// Run by Neighbour.test.ts in a network of its own, where the system's files name 127.0.0.1 as the name server: connects
// to a name whose AAAA is never answered, first with this library and then as Node does, each time beside a neighbour
// that asks getaddrinfo for what the hosts file has. Says how long everything took.
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Message from "@happy-eyeballs/dns/Message"
import { codes } from "@happy-eyeballs/dns/RecordType"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import { NodeHappyEyeballs, NodeNameServer } from "@happy-eyeballs/node"
import * as Effect from "effect/Effect"
import * as NodeDns from "node:dns/promises"
import { once } from "node:events"
import * as Net from "node:net"
import * as Servers from "../../fixtures/Servers.ts"

const name = "slow6.corp.example"
const zone = Zone.fromLinesUnsafe([
  `${name}. 60 IN A 127.0.0.1`,
  `${name}. 60 IN AAAA ::1`,
  "warm.corp.example. 60 IN A 127.0.0.1"
])

const deafToIpv6 = NodeNameServer.run({
  host: "127.0.0.1",
  port: 53,
  answer: (query) => {
    const message = Message.decode(query)
    const question = message._tag === "Success" ? message.success.question : undefined
    return question?.name.startsWith(name) && question.type === codes.AAAA ? undefined : Zone.answer(zone, query)
  }
})

const timed = (use: () => Promise<unknown>): Effect.Effect<number> =>
  Effect.promise(async () => {
    const begun = performance.now()
    await use()
    return performance.now() - begun
  })

const askNeighbour = timed(() => NodeDns.lookup("localhost", { family: 4 }))

/** Begins the work, then asks for the neighbour, one time after the other, until the work is done. */
const besideNeighbour = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let isWorking = true
    const neighbour = Effect.gen(function*() {
      const asked = []
      while (isWorking) asked.push(yield* askNeighbour)
      return asked
    })
    const working = Effect.onExit(work, () => Effect.sync(() => isWorking = false))
    return Effect.map(
      Effect.all([working, neighbour], { concurrency: "unbounded" }),
      ([done, asked]) => ({ done, neighbourMs: Math.max(...asked), neighbourAsked: asked.length })
    )
  })

const ours = (port: number) =>
  Effect.gen(function*() {
    const { connect } = yield* HappyEyeballs
    // The process has just begun: what its first connect costs is not what is measured.
    yield* Effect.scoped(connect(`warm.corp.example:${port}`))
    const one = Effect.scoped(Effect.map(connect(`${name}:${port}`), ({ report }) => report))
    return yield* besideNeighbour(Effect.all(Array.from({ length: 64 }, () => one), { concurrency: "unbounded" }))
  }).pipe(Effect.provide(NodeHappyEyeballs.HappyEyeballsLive))

const nodeConnect = (port: number) =>
  timed(async () => {
    const socket = Net.connect(port, name)
    await once(socket, "connect")
    socket.destroy()
  })

// Two of each: Node's pool gives getaddrinfo two of its four threads, so that these are enough to go round twice.
const nodes = (port: number) => {
  const lookup = timed(() => NodeDns.lookup(name))
  const connect = nodeConnect(port)
  return besideNeighbour(Effect.all([connect, lookup, connect, lookup], { concurrency: "unbounded" }))
}

const program = Effect.gen(function*() {
  yield* deafToIpv6
  const { port } = yield* Servers.tcp(Servers.echo)
  // The first one loads what libc needs.
  yield* askNeighbour
  return { alone: yield* askNeighbour, ours: yield* ours(port), node: yield* nodes(port) }
})

console.log(JSON.stringify(await Effect.runPromise(Effect.scoped(program))))
