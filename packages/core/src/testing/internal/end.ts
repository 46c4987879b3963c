import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"

/**
 * What both directions of a connection have in common.
 *
 * @internal
 */
export interface Link {
  readonly latencyMs: number
  /** How much may be sent and not yet read before a write waits. */
  readonly windowBytes: number
  /** Owns what is underway. */
  readonly scope: Scope.Scope
}

type Frame = Uint8Array | string

// Made when somebody asks: an error costs more than all else in a race.
type Failure = () => Socket.SocketError

type Segment =
  | { readonly _tag: "Data"; readonly frames: ReadonlyArray<Frame> }
  /** The sender writes no more, and may read on. */
  | { readonly _tag: "End" }
  /** The sender is gone: it neither writes nor reads. */
  | { readonly _tag: "Close" }
  | { readonly _tag: "Reset"; readonly cause: Error }

/**
 * One end of a connection. It is over when it was closed, when it was reset,
 * or, with `endsWithPeer`, when all that the peer had to say was read.
 *
 * @internal
 */
export class End {
  private peer: End = this
  private readonly underway: Array<Segment> = []
  private arrived: Array<Frame> = []
  private unreadByPeer = 0
  private peerEnded = false
  private unreadable: Failure | undefined
  private unwritable: Failure | undefined
  private over = false
  private waiting: Array<() => void> = []
  private readonly link: Link
  private readonly endsWithPeer: boolean
  private readonly onOver: () => void

  private constructor(link: Link, endsWithPeer: boolean, onOver: () => void) {
    this.link = link
    this.endsWithPeer = endsWithPeer
    this.onOver = onOver
  }

  /** Two ends of one connection. */
  static pair(link: Link, onClientOver: () => void): { readonly client: End; readonly server: End } {
    // As in Node (allowHalfOpen is false there): a client whose server has
    // ended ends too, which a connection pool relies on.
    const client = new End(link, true, onClientOver)
    const server = new End(link, false, () => {})
    client.peer = server
    server.peer = client
    return { client, server }
  }

  /** Everything that has arrived, once there is something. */
  readonly pull: Effect.Effect<NonEmptyReadonlyArray<Frame>, Socket.SocketError> = Effect.suspend(() => {
    if (this.unreadable !== undefined) return Effect.fail(this.unreadable())
    const [first, ...rest] = this.arrived
    if (first === undefined) {
      return this.peerEnded
        ? Effect.fail(closed(1000)())
        : Effect.andThen(this.changed, this.pull)
    }
    this.arrived = []
    this.peer.unreadByPeer -= first.length + sizeOf(rest)
    this.peer.wake()
    return Effect.as(this.endWithPeer, [first, ...rest] as const)
  })

  /** Sends frames, and waits while the window is full. */
  write(frames: ReadonlyArray<Frame>): Effect.Effect<void, Socket.SocketError> {
    return Effect.suspend(() => {
      if (this.unwritable !== undefined) return Effect.fail(this.unwritable())
      this.unreadByPeer += sizeOf(frames)
      // Copied, as a network does: the writer may use its buffer again.
      const sent = frames.map((frame) => typeof frame === "string" ? frame : frame.slice())
      return Effect.andThen(this.send({ _tag: "Data", frames: sent }), this.drained)
    })
  }

  private readonly drained: Effect.Effect<void, Socket.SocketError> = Effect.suspend(() => {
    if (this.unreadByPeer <= this.link.windowBytes) return Effect.void
    return this.unwritable === undefined
      ? Effect.andThen(this.changed, this.drained)
      : Effect.fail(this.unwritable())
  })

  /** Writes no more, and reads on. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    if (this.unwritable !== undefined) return Effect.void
    this.unwritable = writeFailed("EPIPE", "the write side was ended")
    return this.send({ _tag: "End" })
  })

  /** Reads no more: a suspended pull fails. */
  readonly stopReading: Effect.Effect<void> = Effect.sync(() => {
    this.unreadable ??= closed(1006)
    this.wake()
  })

  /** Neither reads nor writes any more. What was sent before still arrives. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => this.finish(closed(1006), { _tag: "Close" }))

  /** Closes, so that the next read here fails with the given error. */
  closeWith(cause: Error): Effect.Effect<void> {
    return Effect.suspend(() => this.finish(readFailed(cause), { _tag: "Close" }))
  }

  /** Ends at once in both directions. What has not been read is lost. */
  reset(cause: Error): Effect.Effect<void> {
    return Effect.suspend(() => this.finish(readFailed(cause), { _tag: "Reset", cause }))
  }

  private finish(failure: Failure, segment: Segment): Effect.Effect<void> {
    if (this.over) return Effect.void
    this.conclude(failure)
    return this.send(segment)
  }

  private conclude(failure: Failure): void {
    this.over = true
    this.unreadable = failure
    this.unwritable ??= writeFailed("EPIPE", "the connection is closed")
    this.wake()
    this.onOver()
  }

  private readonly endWithPeer: Effect.Effect<void> = Effect.suspend(() =>
    this.endsWithPeer && this.peerEnded && this.arrived.length === 0
      ? this.finish(closed(1000), { _tag: "Close" })
      : Effect.void
  )

  private send(segment: Segment): Effect.Effect<void> {
    const { latencyMs, scope } = this.link
    if (latencyMs <= 0) return this.peer.receive(segment)
    // Each delivery takes the oldest segment, so that order does not depend on
    // how a clock orders timers of one instant.
    this.underway.push(segment)
    const deliver = Effect.suspend(() => this.peer.receive(this.underway.shift()!))
    return Effect.asVoid(
      Effect.forkIn(Effect.andThen(Effect.sleep(latencyMs), deliver), scope, { startImmediately: true })
    )
  }

  private receive(segment: Segment): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.over) return Effect.void
      switch (segment._tag) {
        case "Data":
          this.arrived.push(...segment.frames)
          break
        case "End":
          this.peerEnded = true
          break
        case "Close":
          this.peerEnded = true
          this.unwritable ??= writeFailed("EPIPE", "the peer has closed the connection")
          break
        case "Reset":
          this.unwritable ??= writeFailed("ECONNRESET", "the peer has reset the connection")
          this.conclude(readFailed(segment.cause))
          return Effect.void
      }
      this.wake()
      return this.endWithPeer
    })
  }

  private readonly changed: Effect.Effect<void> = Effect.callback((resume) => {
    const wake = () => resume(Effect.void)
    this.waiting.push(wake)
    return Effect.sync(() => {
      this.waiting = this.waiting.filter((other) => other !== wake)
    })
  })

  private wake(): void {
    const waiting = this.waiting
    this.waiting = []
    for (const wake of waiting) wake()
  }
}

const sizeOf = (frames: ReadonlyArray<Frame>): number => frames.reduce((size, frame) => size + frame.length, 0)

const closed = (code: number): Failure => () =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) })

const readFailed = (cause: Error): Failure => () =>
  new Socket.SocketError({ reason: new Socket.SocketReadError({ cause }) })

const writeFailed = (code: string, message: string): Failure => () =>
  new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause: systemError(code, message) }) })

/**
 * An error as the operating system's are: with a `code`.
 *
 * @internal
 */
export const systemError = (code: string, message: string): Error =>
  Object.assign(new Error(`${code}: ${message}`), { code })
