/**
 * The dispatcher that every `fetch` of the process uses, wherever it is kept.
 *
 * undici keeps it on `globalThis`, under a symbol for each version of its
 * interface: 6 and 7 read the first, 8 the second. What they find under the
 * first is then a wrapper of what they find under the second.
 */
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as UndiciConnector from "./undiciConnector.ts"
import { WaitingRequests } from "./waitingRequests.ts"

export interface Dispatcher {
  readonly dispatch: (options: never, handler: never) => boolean
  readonly destroy: () => Promise<void>
}

/**
 * The global dispatcher is not the plain `Agent` that one more could be made
 * of: a proxy, or a mock, whose purpose a race of its own would defeat.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownDispatcher extends Data.TaggedError("UnknownDispatcher")<{
  /** The name of its class. */
  readonly found: string
}> {
  override get message(): string {
    return `the global dispatcher is ${this.found}, which connects in its own way: it is left as it is`
  }
}

const slots = [Symbol.for("undici.globalDispatcher.1"), Symbol.for("undici.globalDispatcher.2")] as const

type Slots = readonly [first: Dispatcher | undefined, second: Dispatcher | undefined]

const read = (): Slots => {
  // Node loads its undici, which fills the slots, with the first use of one of its globals.
  void globalThis.Headers
  return slots.map((slot) => Reflect.get(globalThis, slot) as Dispatcher | undefined) as unknown as Slots
}

/** Puts dispatchers into the slots, and what was there before back when the scope closes. */
export const installWith = (install: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const before = read()
      install()
      return { before, installed: read() }
    }),
    ({ before, installed }) =>
      Effect.sync(() => {
        read().forEach((dispatcher, index) => {
          // Whoever has put in another since then still wants that.
          if (dispatcher === installed[index]) Reflect.set(globalThis, slots[index]!, before[index])
        })
      })
  ))

/** Puts dispatchers of the classes that are in the slots now into the slots. */
export const install = Effect.fnUntraced(function*(
  options: UndiciConnector.Options
): Effect.fn.Return<void, UnknownDispatcher, HappyEyeballs | Scope.Scope> {
  const [first, second] = yield* makeLike(read(), options)
  yield* installWith(() => {
    Reflect.set(globalThis, slots[0], first)
    if (second !== undefined) Reflect.set(globalThis, slots[1], second)
  })
})

/** Makes a dispatcher that the `fetch` of this Node takes. */
export const make = Effect.fnUntraced(function*(
  options: UndiciConnector.Options
): Effect.fn.Return<Dispatcher, UnknownDispatcher, HappyEyeballs | Scope.Scope> {
  const [first, second] = yield* makeLike(read(), options)
  return Number.parseInt(process.versions["undici"] ?? "0", 10) >= 8 ? second ?? first! : first!
})

const makeLike = Effect.fnUntraced(function*(
  [first, second]: Slots,
  options: UndiciConnector.Options
): Effect.fn.Return<Slots, UnknownDispatcher, HappyEyeballs | Scope.Scope> {
  const wraps = first !== undefined && className(first) === "Dispatcher1Wrapper"
  // undici 8 speaks HTTP/2 unless told otherwise, its forebears only if told.
  const waiting = new WaitingRequests()
  const connect = yield* UndiciConnector.make(options, { allowH2: wraps }, waiting)
  const agentLike = Effect.fnUntraced(function*(dispatcher: Dispatcher | undefined) {
    const found = className(dispatcher)
    if (found !== "Agent") return yield* new UnknownDispatcher({ found })
    return yield* Effect.acquireRelease(
      Effect.sync(() => waiting.watch(new (dispatcher!.constructor as AgentClass)({ connect }))),
      (agent) => Effect.promise(() => agent.destroy())
    )
  })
  if (second === undefined) return [yield* agentLike(first), undefined]
  const agent = yield* agentLike(second)
  if (first === second) return [agent, agent]
  return [wraps ? new (first.constructor as WrapperClass)(agent) : yield* agentLike(first), agent]
})

type AgentClass = new(options: { readonly connect: UndiciConnector.Connector }) => Dispatcher

type WrapperClass = new(agent: Dispatcher) => Dispatcher

const className = (dispatcher: Dispatcher | undefined): string => dispatcher?.constructor.name ?? "nothing"
