import * as Effect from "effect/Effect"
import type { Exit } from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"

/**
 * A socket that somebody may use before its owner does.
 *
 * The reader of a connection can be acquired once, and closes the connection
 * when it is released; a released writer ends the sending side. Here both are
 * acquired once, in a scope of the connection's own, and lent to whoever asks
 * until the hand-over. After it, they are the owner's and behave as they always
 * do.
 *
 * @internal
 */
export class SharedSocket {
  readonly socket: Socket.Socket
  private readonly scope: Scope.Closeable
  private readonly givenBack: Array<Uint8Array | string> = []
  private reader: Socket.Reader | undefined
  private writer: Socket.Writer | undefined
  private state: "lent" | "handed over" | "taken" = "lent"

  constructor(inner: Socket.Socket, outer: Scope.Scope) {
    this.scope = Scope.forkUnsafe(outer)
    this.socket = Socket.make({
      reader: Effect.suspend(() => {
        if (this.state === "taken") return Effect.fail(alreadyRead)
        const reader = Effect.map(this.readerOf(inner), (reader) => this.lend(reader))
        if (this.state === "lent") return reader
        this.state = "taken"
        return Effect.andThen(Effect.addFinalizer(this.close), reader)
      }),
      writer: Effect.suspend(() => this.state === "lent" ? this.writerOf(inner) : inner.writer)
    })
  }

  readonly unread = (chunk: Uint8Array | string): void => {
    if (chunk.length > 0) this.givenBack.unshift(chunk)
  }

  handOver(): void {
    this.state = "handed over"
  }

  private readonly close = (exit: Exit<unknown, unknown>) => Scope.close(this.scope, exit)

  private readerOf(inner: Socket.Socket): Effect.Effect<Socket.Reader, Socket.SocketError> {
    return this.reader !== undefined ? Effect.succeed(this.reader) : Effect.map(
      Scope.provide(inner.reader, this.scope),
      (reader) => this.reader = reader
    )
  }

  private writerOf(inner: Socket.Socket): Effect.Effect<Socket.Writer> {
    return this.writer !== undefined ? Effect.succeed(this.writer) : Effect.map(
      Scope.provide(inner.writer, this.scope),
      (writer) => this.writer = writer
    )
  }

  private lend({ pull, upgrade }: Socket.Reader): Socket.Reader {
    return {
      pull: Effect.suspend(() => {
        const [first, ...rest] = this.givenBack.splice(0)
        return first === undefined ? pull : Effect.succeed([first, ...rest])
      }),
      // RFC 3207, section 6: what came before the handshake must not be taken for what came through it.
      upgrade: (options) =>
        Effect.suspend(() => {
          this.givenBack.length = 0
          return upgrade(options)
        })
    }
  }
}

const alreadyRead = new Socket.SocketError({
  reason: new Socket.SocketOpenError({
    kind: "Unknown",
    cause: new Error("the reader of this connection was acquired before: connect again for another")
  })
})
