/**
 * Requests that wait for a connection of undici's.
 *
 * undici opens connections for its pool and not for a request, says nothing to
 * a request before there is one, and so cannot be told before that the request
 * is aborted. Here a request hears at once that it has begun; when it is aborted
 * it fails at once, and races that nobody waits for end. The handlers of undici
 * 6 have other methods than those of 8, and those of 7 are of either kind.
 */
import { NodeError } from "../../NodeError.ts"

type Method = (...args: ReadonlyArray<never>) => unknown

type Handler = Readonly<Record<string, Method | undefined>>

interface Dispatch {
  (options: never, handler: never): boolean
}

/** What undici's own controllers have. */
interface Controller {
  readonly abort: (reason: Error) => void
  readonly pause?: () => void
  readonly resume?: () => void
  readonly paused?: boolean
  readonly rawHeaders?: unknown
  readonly rawTrailers?: unknown
}

interface Request {
  readonly place: Place
  race: Race | undefined
}

interface Race {
  readonly end: () => void
}

/** One origin. */
interface Place {
  readonly key: string
  /** How many requests wait for a connection that another opens. */
  unowned: number
  /** Races of requests that wait no more. */
  readonly orphans: Set<Race>
  /** How many requests wait and races run. */
  live: number
}

export class WaitingRequests {
  readonly #places = new Map<string, Place>()
  // undici opens a connection for a request before its `dispatch` returns, where it is one that no other request uses.
  #dispatching: Request | undefined

  /** Watches over what a dispatcher is given from now on. */
  watch<D extends { readonly dispatch: Dispatch }>(dispatcher: D): D {
    const dispatch = dispatcher.dispatch.bind(dispatcher) as (options: object, handler: Handler) => boolean
    const watched = (
      options: { readonly origin?: string | URL } | undefined,
      handler: Handler | undefined
    ): boolean => {
      const key = keyOf(options?.origin)
      const names = kinds.find(({ fail, start }) => handler?.[start] !== undefined && handler[fail] !== undefined)
      // What is wrong with it is for undici to say.
      if (key === undefined || names === undefined) return dispatch(options!, handler!)
      return this.#dispatch(key, handler!, names, (one) => dispatch(options!, one))
    }
    return Object.assign(dispatcher, { dispatch: watched })
  }

  /** Takes note of a race to an origin, and of what ends it; what it returns says that it has ended by itself. */
  begin(origin: string, end: () => void): () => void {
    const place = this.#placeOf(keyOf(origin) ?? origin)
    const race: Race = { end }
    const request = this.#dispatching
    const owner = request?.place === place && request.race === undefined ? request : undefined
    place.live++
    if (owner === undefined) place.orphans.add(race)
    else {
      owner.race = race
      place.unowned--
    }
    return () => {
      if (owner?.race === race) {
        owner.race = undefined
        place.unowned++
      } else place.orphans.delete(race)
      this.#leave(place)
    }
  }

  #dispatch(key: string, handler: Handler, names: Names, dispatch: (handler: Handler) => boolean): boolean {
    const call = (name: string, ...args: ReadonlyArray<unknown>): unknown =>
      Reflect.apply(handler[name] as Method, handler, args)
    let request: Request | undefined
    const early = new EarlyController((reason) => {
      if (request !== undefined) this.#done(request, true)
      if (names === legacy) call(names.fail, reason)
      else call(names.fail, early, reason)
    })
    call(names.start, names === legacy ? (reason: Error) => early.abort(reason) : early, null)
    if (early.aborted) return true

    const waiting: Request = { place: this.#placeOf(key), race: undefined }
    waiting.place.live++
    waiting.place.unowned++
    request = waiting
    const settle = () => {
      if (request !== undefined) this.#done(request, false)
      request = undefined
    }
    const watched = {
      ...forward(handler),
      [names.start]: (begun: Controller | ((reason: Error) => void)) => {
        const real = typeof begun === "function" ? { abort: begun } : begun
        // Its `abort` would close the new connection, which others may wait for; what is thrown here concerns the request.
        if (early.reason !== null) throw early.reason
        settle()
        early.real = real
      },
      [names.fail]: (...args: ReadonlyArray<unknown>) => {
        if (early.aborted && early.real === undefined) return
        settle()
        return call(names.fail, ...args)
      }
    } as Handler
    const outer = this.#dispatching
    this.#dispatching = waiting
    try {
      return dispatch(watched)
    } finally {
      this.#dispatching = outer
    }
  }

  /** A request waits no more. Where it was aborted, so do the races that no other request may need. */
  #done(request: Request, aborted: boolean): void {
    const { place, race } = request
    if (race === undefined) place.unowned--
    else place.orphans.add(race)
    request.race = undefined
    this.#leave(place)
    if (!aborted || place.unowned > 0) return
    const orphans = [...place.orphans]
    place.orphans.clear()
    for (const race of orphans) {
      this.#leave(place)
      race.end()
    }
  }

  #placeOf(key: string): Place {
    const found = this.#places.get(key)
    if (found !== undefined) return found
    const place: Place = { key, unowned: 0, orphans: new Set(), live: 0 }
    this.#places.set(key, place)
    return place
  }

  #leave(place: Place): void {
    if (--place.live === 0) this.#places.delete(place.key)
  }
}

const current = { start: "onRequestStart", fail: "onResponseError" } as const

const legacy = { start: "onConnect", fail: "onError" } as const

const kinds = [current, legacy]

type Names = typeof current | typeof legacy

const keyOf = (origin: string | URL | undefined): string | undefined => {
  if (origin instanceof URL) return origin.origin
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).origin : undefined
}

const others = [
  "onRequestUpgrade",
  "onResponseStart",
  "onResponseData",
  "onResponseEnd",
  "onUpgrade",
  "onHeaders",
  "onData",
  "onComplete",
  "onResponseStarted",
  "onBodySent",
  "onRequestSent"
]

// Methods may use what is private to the handler, and which of them are there says of which kind it is.
const forward = (handler: Handler): Record<string, Method> => {
  const out: Record<string, Method> = {}
  for (const name of others) {
    const method = handler[name]
    if (typeof method === "function") out[name] = (...args) => Reflect.apply(method, handler, args)
  }
  return out
}

/** Stands in for undici's controller of a request until there is one, and passes on to it afterwards. */
class EarlyController implements Controller {
  real: Controller | undefined
  aborted = false
  reason: Error | null = null
  readonly #onAbort: (reason: Error) => void

  constructor(onAbort: (reason: Error) => void) {
    this.#onAbort = onAbort
  }

  abort(reason?: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason ?? new NodeError("Request aborted", { code: "UND_ERR_ABORTED" })
    if (this.real === undefined) this.#onAbort(this.reason)
    else this.real.abort(this.reason)
  }

  pause(): void {
    this.real?.pause?.()
  }

  resume(): void {
    this.real?.resume?.()
  }

  get paused(): boolean {
    return this.real?.paused ?? false
  }

  get rawHeaders(): unknown {
    return this.real?.rawHeaders ?? null
  }

  get rawTrailers(): unknown {
    return this.real?.rawTrailers ?? null
  }
}
