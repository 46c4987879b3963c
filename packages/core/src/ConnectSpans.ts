/**
 * Spans of each connect, in the words of OpenTelemetry.
 *
 * They are made when a connect has ended, from its events and with their
 * times, so that a connect carries nothing for them while it runs.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { ConnectEvent } from "./ConnectEvent.ts"
import type { DialFailed } from "./Dialer.ts"
import * as Endpoint from "./Endpoint.ts"
import { HappyEyeballs } from "./HappyEyeballs.ts"
import type { Answer } from "./Resolver.ts"

/**
 * Layer that traces every connect of the service.
 *
 * **Details**
 *
 * One span `connection_setup` a connect, a child of the caller's span; below it
 * `DNS lookup` for each answer, `socket connect` for each attempt and `TLS
 * handshake` for each attempt that came so far. The attributes are those of
 * OpenTelemetry (`server.address`, `server.port`, `network.peer.address`,
 * `network.peer.port`, `network.type`, `network.transport`,
 * `dns.question.name`, `dns.answers`, `error.type`) and of our own below
 * `happy_eyeballs.`. An attempt that lost the race is no error.
 *
 * The tracer is the one of the fiber that connects; where its `TracerEnabled`
 * is off, nothing is made.
 *
 * **Gotchas**
 *
 * The spans come into being together at the end of the connect: a span that is
 * made inside of an attempt is the caller's child and not the attempt's.
 *
 * **Example** (Exporting the spans of connects)
 *
 * ```ts
 * import { ConnectSpans, HappyEyeballs } from "@happy-eyeballs/core"
 * import { SimulatedNetwork } from "@happy-eyeballs/core/testing"
 * import { Layer } from "effect"
 *
 * // Beneath it a tracer such as `OtlpTracer.layer`.
 * const traced = ConnectSpans.layer.pipe(
 *   Layer.provideMerge(HappyEyeballs.HappyEyeballs.layer),
 *   Layer.provide(SimulatedNetwork.layer({}))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, HappyEyeballs> = Layer.effectDiscard(
  Effect.suspend(() => {
    const tracing = new Map<number, Tracing>()
    return Effect.flatMap(HappyEyeballs, ({ observe }) =>
      observe((event) => {
        if (event._tag === "Started") {
          const begun = begin(event)
          if (begun !== undefined) tracing.set(event.connect, begun)
          return
        }
        const current = tracing.get(event.connect)
        if (current === undefined) return
        current.events.push(event)
        if (event._tag !== "Ended") return
        tracing.delete(event.connect)
        record(current, event)
      }))
  })
)

type Event<Tag extends ConnectEvent["_tag"]> = Extract<ConnectEvent, { readonly _tag: Tag }>

interface Tracing {
  readonly context: Context.Context<never>
  readonly startNanos: bigint
  readonly events: Array<ConnectEvent>
}

const begin = (event: Event<"Started">): Tracing | undefined => {
  const fiber = Fiber.getCurrent()
  if (fiber === undefined || !fiber.getRef(References.TracerEnabled)) return undefined
  const startNanos = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe() - nanos(event.atMs)
  return { context: fiber.context, startNanos, events: [event] }
}

const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1e6))

type Attributes = Readonly<Record<string, unknown>>

/** Makes one finished span; attributes that are `undefined` are left out. */
type Make = (given: {
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly kind: Tracer.SpanKind
  readonly startMs: number
  readonly endMs: number
  readonly exit: Exit.Exit<unknown, unknown>
  readonly attributes: Attributes
}) => Tracer.Span

const makerFor = ({ context, startNanos }: Tracing): Make => {
  const tracer = Context.get(context, Tracer.Tracer)
  return ({ attributes, endMs, exit, kind, name, parent, startMs }) => {
    const span = tracer.span({
      name,
      parent,
      kind,
      annotations: Context.empty(),
      links: [],
      startTime: startNanos + nanos(startMs),
      root: Option.isNone(parent),
      sampled: Option.match(parent, { onNone: () => true, onSome: ({ sampled }) => sampled })
    })
    for (const key in attributes) if (attributes[key] !== undefined) span.attribute(key, attributes[key])
    span.end(startNanos + nanos(endMs), exit)
    return span
  }
}

const record = (tracing: Tracing, ended: Event<"Ended">): void => {
  const make = makerFor(tracing)
  const setup = make({
    name: "connection_setup",
    parent: Context.getOption(tracing.context, Tracer.ParentSpan),
    kind: "client",
    startMs: 0,
    endMs: ended.atMs,
    exit: exitOf(ended),
    attributes: setupAttributes(tracing.events, ended)
  })
  const parent = Option.some(setup)
  const attempts: Array<{ startMs: number; securingMs?: number }> = []
  for (const event of tracing.events) {
    switch (event._tag) {
      case "Answered":
        make({ ...lookup(event.answer), parent, kind: "client", startMs: 0, endMs: event.atMs })
        break
      case "AttemptStarted":
        attempts[event.attempt] = { startMs: event.atMs }
        break
      case "AttemptSecuring":
        attempts[event.attempt]!.securingMs = event.atMs
        break
      case "AttemptConnected":
      case "AttemptFailed":
      case "AttemptInterrupted":
        recordAttempt(make, parent, attempts[event.attempt]!, event, ended)
        break
    }
  }
}

const recordAttempt = (
  make: Make,
  parent: Option.Option<Tracer.AnySpan>,
  { securingMs, startMs }: { readonly startMs: number; readonly securingMs?: number },
  event: Event<"AttemptConnected" | "AttemptFailed" | "AttemptInterrupted">,
  { winner }: Event<"Ended">
): void => {
  const { atMs: endMs, attempt, endpoint } = event
  const failure = event._tag === "AttemptFailed" ? event.failure : undefined
  const outcome = {
    "happy_eyeballs.attempt": attempt,
    "happy_eyeballs.outcome": failure !== undefined ? "failed" : attempt === winner ? "connected" : "interrupted",
    "error.type": failure && typeOf(failure)
  }
  const exit = failure === undefined ? Exit.void : Exit.fail(failure)
  const connected = { parent, kind: "client", startMs, attributes: { ...peer(endpoint), ...outcome } } as const
  if (securingMs === undefined) {
    make({ ...connected, name: "socket connect", endMs, exit })
    return
  }
  const attributes = { ...peer(endpoint), "happy_eyeballs.attempt": attempt, "happy_eyeballs.outcome": "connected" }
  make({ ...connected, name: "socket connect", endMs: securingMs, exit: Exit.void, attributes })
  make({ ...connected, name: "TLS handshake", startMs: securingMs, endMs, exit })
}

/** The winner's endpoint, the counts and, where it failed, why. */
const setupAttributes = (
  events: ReadonlyArray<ConnectEvent>,
  { error, target, winner }: Event<"Ended">
): Attributes => {
  const count = (tag: ConnectEvent["_tag"]) => events.filter(({ _tag }) => _tag === tag).length
  const won = events.find((event): event is Event<"AttemptConnected"> =>
    event._tag === "AttemptConnected" && event.attempt === winner
  )
  return {
    "server.address": target.host,
    "server.port": target.ports[0]?.number,
    ...won && peer(won.endpoint),
    "happy_eyeballs.attempts": count("AttemptStarted"),
    "happy_eyeballs.failed_attempts": count("AttemptFailed"),
    "happy_eyeballs.winner": winner ?? undefined,
    "happy_eyeballs.interrupted": error?.tag === "Interrupted" ? true : undefined,
    "error.type": error === null || error.tag === "Interrupted" ? undefined : error.tag
  }
}

/** What OpenTelemetry says of the other end of a connection. */
const peer = (endpoint: Endpoint.Endpoint): Attributes => {
  const family = Endpoint.family(endpoint)
  return {
    "server.address": endpoint.host?.replace(/\.$/, ""),
    "network.peer.address": Endpoint.formatAddress(endpoint),
    "network.peer.port": Endpoint.port(endpoint),
    "network.type": family?.toLowerCase(),
    "network.transport": family === undefined ? "unix" : "tcp"
  }
}

const lookup = (answer: Answer): Pick<Parameters<Make>[0], "name" | "exit" | "attributes"> => {
  const failed = answer._tag === "Failed" ? answer.error : undefined
  // That a name has none of a type is an answer.
  const error = failed?.reason === "NotFound" ? undefined : failed
  return {
    name: "DNS lookup",
    exit: error === undefined ? Exit.void : Exit.fail(error),
    attributes: {
      "dns.question.name": Host.toRelative(answer.owner),
      "dns.answers": answer._tag === "Addresses" ? answer.addresses.map(NetAddress.formatIp) : [],
      "happy_eyeballs.dns.type": answer.type,
      "happy_eyeballs.dns.source": answer.source,
      "error.type": error?.reason
    }
  }
}

/** The code of a failure where it has one: `ECONNREFUSED`. */
const typeOf = ({ code, kind }: DialFailed): string => code ?? kind

class ConnectFailed extends Data.TaggedError("ConnectFailed")<{ readonly message: string }> {}

// A caller that went away is no failure of the network.
const exitOf = ({ error }: Event<"Ended">): Exit.Exit<void, ConnectFailed> =>
  error === null
    ? Exit.void
    : error.tag === "Interrupted"
    ? Exit.interrupt()
    : Exit.fail(new ConnectFailed({ message: error.message }))
