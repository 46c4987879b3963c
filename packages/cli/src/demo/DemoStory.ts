/**
 * The story that the demo tells: its cast, its two scenes, its sentences.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { Output } from "../Output.ts"
import { paint } from "../Style.ts"
import * as Waterfall from "../Waterfall.ts"
import * as Cast from "./Cast.ts"
import * as DemoNetwork from "./DemoNetwork.ts"
import * as Names from "./Names.ts"
import * as Scene from "./Scene.ts"

const title = "Happy Eyeballs: the fastest connection to a name with many addresses"

const introduction = `
The article's program connects to ygg.re, on port 443 or 80. Here ygg.re is a
network of its own on this machine: real sockets, and no packet leaves it.
`

const introductionEnd = `
Whoever takes the first address and calls connect() waits: on Linux for two
minutes.
`

const resolvers = "Who answers names"

const firstScene = "1. A good address among bad ones"

const ours = `
This library gives each attempt a head start of 250 ms, or less when it fails,
and then lets it run on beside the next. The first to connect wins, and the
others are closed:
`

const nodes = `
Node's own net.connect (autoSelectFamily), at the same time:
`

const secondScene = "2. The good address refuses too, and only the late one is left"

const oursAgain = `
This library:
`

const lesson = `
Node closes an attempt before it starts the next one. What needs more than its
250 ms, such as a SYN that was lost once, never gets there.
`

const noLesson = `
Here the late address did not make the difference that it makes on Linux, where
a full queue stays silent and the SYN is sent again after a second.
`

const nothingLate = `
The second scene needs an address that answers late, beside another: it is left
out.
`

const manners: Record<DemoNetwork.Role, string> = {
  silent: "never answers: its queue is full, and each SYN is dropped",
  late: "answers late: its queue has room again after 400 ms",
  refusing: "refuses: nothing listens there",
  good: "answers at once"
}

/**
 * Plays the scenes and says what happens. An address that this machine lacks is
 * left out, and that is said too.
 *
 * @category running
 * @since 0.1.0
 */
export const tell: Effect.Effect<void, never, Output> = Effect.gen(function*() {
  const { result, style } = yield* Output
  const say = (text: string) => Effect.forEach(text.split("\n"), result, { discard: true })
  const sayHeading = (text: string) => result(paint(style, "bold", text))
  const showScene = Effect.fnUntraced(function*(outcome: Scene.Outcome, about: string) {
    const [ourLines = [], nodesLines = []] = Waterfall.linesTogether([outcome.ours, outcome.nodes], style)
    yield* say(about)
    yield* Effect.forEach(ourLines, result)
    yield* say(nodes)
    yield* Effect.forEach(nodesLines, result)
  })

  const missing = yield* Effect.filter(
    Cast.wanted,
    (address) => Effect.map(DemoNetwork.hasAddress(address), (has) => !has)
  )
  const cast = Cast.without(missing)
  yield* sayHeading(title)
  yield* say(introduction)
  for (const { address, role } of cast.first) yield* result(`  ${address.padEnd(11)}${manners[role]}`)
  if (missing.length > 0) yield* say(describeMissing(missing))
  yield* say(introductionEnd)

  yield* sayHeading(resolvers)
  const answered = yield* Effect.scoped(Effect.gen(function*() {
    const { chosen, providers } = yield* Names.open(Scene.host, cast.first.map(({ address }) => address))
    return {
      provider: yield* Names.ask(providers, Scene.host),
      chosen: yield* Names.ask(chosen, Scene.host),
      pinned: chosen
    }
  }))
  yield* say(describeResolvers(answered))

  yield* sayHeading(firstScene)
  const first = yield* Scene.play(cast.first)
  yield* showScene(first, ours)
  yield* say("")

  if (cast.second === undefined) return yield* say(nothingLate)
  yield* sayHeading(secondScene)
  const second = yield* Scene.play(cast.second)
  yield* showScene(second, oursAgain)
  yield* say(second.ours.ok && !second.nodes.ok ? lesson : noLesson)
  yield* result(paint(
    style,
    "dim",
    `Ports 443 and 80 stood for ${first.ports.join(" and ")}, then for ${second.ports.join(" and ")}.`
  ))
}).pipe(Effect.orDie)

const describeResolvers = (
  { chosen, pinned, provider }: {
    readonly provider: ReadonlyArray<string>
    readonly chosen: ReadonlyArray<string>
    readonly pinned: string
  }
): string => `
  the provider's says   ${provider.length === 0 ? "no such name" : provider.join(", ")}
  one of our choice     ${chosen.length === 0 ? "no such name" : chosen.join(", ")}

It is asked over TLS, and pinned to its key: nobody between can read the name or
change the answer.
  ${pinned}
`

const describeMissing = (missing: ReadonlyArray<string>): string =>
  `\nThis machine has no address ${missing.join(" and no ")}, so the story goes without` +
  (missing.some((address) => address.startsWith("127.")) ? "\n(on macOS: sudo ifconfig lo0 alias 127.0.0.2)." : ".")
