import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Net from "node:net"
import { Duplex } from "node:stream"
import * as Tls from "node:tls"
import { NodeError } from "../NodeError.ts"
import type { NodeConnection } from "../NodeHappyEyeballs.ts"

/**
 * Begins a race that tells how it ended, and gives what ends it early. Closing
 * closes what was won, too, and says when nothing is open any more.
 */
export type Race = (settle: (exit: Exit.Exit<NodeConnection, Error>) => void) => (closed: () => void) => void

const places = ["localAddress", "localPort", "localFamily", "remoteAddress", "remotePort", "remoteFamily"]

const beforeConnection = { code: "ERR_SOCKET_CLOSED_BEFORE_CONNECTION" }

/** What waits for the connection: the write or the end that came before it. */
interface Waiting {
  readonly go: (native: Net.Socket) => void
  readonly fail: (error: Error) => void
}

/**
 * A socket of which only the connection is missing.
 *
 * A `Duplex` and no `net.Socket`: TLS over one of those takes its handle, and
 * without a handle waits for a `connect` event that was long ago. The winner is
 * another socket, so what is done here is done to that one; what Node decides
 * in the handle (idle time, keep-alive, addresses) stays Node's.
 */
export class LazyDuplex extends Duplex implements Net.Socket {
  static {
    for (const name of places) {
      Object.defineProperty(this.prototype, name, {
        get(this: LazyDuplex) {
          return name.startsWith("local") && this.destroyed ? undefined : this.#place[name]
        }
      })
    }
  }

  declare readonly localAddress?: string
  declare readonly localPort?: number
  declare readonly localFamily?: string
  declare readonly remoteAddress: string | undefined
  declare readonly remotePort: number | undefined
  declare readonly remoteFamily: string | undefined
  connecting = false
  timeout?: number
  connection: NodeConnection | undefined
  #native: Net.Socket | undefined
  // Kept, since the winner may be closed while there are bytes left to read here.
  #place: Readonly<Record<string, unknown>> = {}
  #address: Net.AddressInfo | {} = {}
  #closeRace: ((closed: () => void) => void) | undefined
  #waiting: Waiting | undefined
  #written = 0
  #reading = false
  #idle: NodeJS.Timeout | undefined
  // What was asked for before there was a socket to ask; the last word of each kind counts.
  readonly #wishes = new Map<string, (native: Net.Socket) => void>()
  readonly #raceTo: (place: ReadonlyArray<unknown>) => Race
  #started = false

  constructor(options: { readonly raceTo: (place: ReadonlyArray<unknown>) => Race; readonly allowHalfOpen: boolean }) {
    // `close` is emitted here, as Node's sockets do it, because it tells whether there was an error.
    super({ allowHalfOpen: options.allowHalfOpen, emitClose: false })
    this.#raceTo = options.raceTo
    this.once("end", () => {
      if (!this.allowHalfOpen) this.write = this.#writeAfterEnd
    })
  }

  /** Begins the race, once: a client that says where to connect what already connects changes nothing. */
  connect(...place: ReadonlyArray<unknown>): this {
    const listener = place.at(-1)
    if (typeof listener === "function") this.once("connect", listener as () => void)
    if (!this.#started && !this.destroyed) this.start(this.#raceTo(place))
    return this
  }

  start(race: Race): void {
    this.#started = true
    this.connecting = true
    let starting = true
    this.#closeRace = race((exit) => {
      // Who gets this socket through a promise listens for its error a few microtasks from now.
      if (starting) setImmediate(() => this.#settle(exit))
      else this.#settle(exit)
    })
    starting = false
  }

  #settle(exit: Exit.Exit<NodeConnection, Error>): void {
    // The hand-over of a winner cannot be interrupted: it may come too late.
    if (this.destroyed) return
    if (Exit.isSuccess(exit)) this.#adopt(exit.value)
    else this.destroy(Cause.hasInterruptsOnly(exit.cause) ? undefined : Cause.squash(exit.cause) as Error)
  }

  #adopt(connection: NodeConnection): void {
    const { native } = connection
    this.connection = connection
    this.#native = native
    this.#place = Object.fromEntries(places.map((name) => [name, Reflect.get(native, name)]))
    this.#address = native.address()
    this.connecting = false
    // When this side ends is for this socket to say: it may have writes left that the other has not seen.
    native.allowHalfOpen = true
    clearTimeout(this.#idle)
    for (const wish of this.#wishes.values()) wish(native)
    native.on("error", (error) => this.destroy(error))
    native.on("timeout", () => this.emit("timeout"))
    native.on("data", (chunk) => {
      if (!this.push(chunk)) native.pause()
    })
    native.once("end", () => {
      this.push(null)
      this.read(0)
    })
    // After its end there may be bytes left to read here, and this closes by itself when they are.
    native.once("close", () => {
      if (!native.readableEnded) this.destroy()
    })
    native.pause()
    this.emit("connect")
    this.emit("ready")
    if (native instanceof Tls.TLSSocket) this.emit("secureConnect")
    if (this.#reading) native.resume()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.go(native)
  }

  #whenConnected(waiting: Waiting): void {
    if (this.#native === undefined) this.#waiting = waiting
    else waiting.go(this.#native)
  }

  #wish(kind: string, wish: (native: Net.Socket) => void): this {
    if (this.#native === undefined) this.#wishes.set(kind, wish)
    else wish(this.#native)
    return this
  }

  override _read(): void {
    this.#reading = true
    this.#native?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#whenConnected({
      go: (native) => native.write(chunk, this.#counting(chunk.length, callback)),
      fail: callback
    })
  }

  override _writev(
    chunks: ReadonlyArray<{ readonly chunk: Buffer }>,
    callback: (error?: Error | null) => void
  ): void {
    this.#whenConnected({
      go: (native) => {
        native.cork()
        chunks.forEach(({ chunk }, index) =>
          native.write(chunk, this.#counting(chunk.length, index === chunks.length - 1 ? callback : () => {}))
        )
        native.uncork()
      },
      fail: callback
    })
  }

  #counting(length: number, callback: (error?: Error | null) => void): (error?: Error | null) => void {
    return (error) => {
      this.#written += length
      callback(error)
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (!this.#started) return callback()
    this.#whenConnected({ go: (native) => native.end(callback), fail: callback })
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.connecting = false
    clearTimeout(this.#idle)
    const waiting = this.#waiting
    this.#waiting = undefined
    const closed = () => {
      waiting?.fail(
        new NodeError("the socket was closed before it was connected", beforeConnection, error ?? undefined)
      )
      this.emit("close", error !== null)
    }
    callback(error)
    // Not in this turn, in which TLS on top of it may have more to say than that it is closed.
    if (this.#closeRace === undefined) process.nextTick(closed)
    else this.#closeRace(() => setImmediate(closed))
  }

  // As Node does it: `write after end` would blame whoever writes for what the other side did.
  #writeAfterEnd(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (!this.writableEnded) return super.write(chunk, encoding as BufferEncoding, callback as () => void)
    const error = new NodeError("This socket has been ended by the other party", { code: "EPIPE" })
    const told = typeof encoding === "function" ? encoding : callback
    if (typeof told === "function") process.nextTick(told as (error: Error) => void, error)
    this.destroy(error)
    return false
  }

  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once("finish", () => this.destroy())
  }

  resetAndDestroy(): this {
    // After its end a reset fails, and leaves the descriptor open for good.
    if (this.#native?.writableEnded === false && !(this.#native instanceof Tls.TLSSocket)) {
      this.#native.resetAndDestroy()
    }
    return this.destroy()
  }

  setTimeout(timeout: number, callback?: () => void): this {
    if (!(timeout >= 0) || timeout === Infinity) {
      throw new NodeError(`a timeout is a number of milliseconds (got ${timeout})`, { code: "ERR_OUT_OF_RANGE" })
    }
    if (this.destroyed) return this
    this.timeout = timeout
    if (callback !== undefined) {
      if (timeout === 0) this.off("timeout", callback)
      else this.once("timeout", callback)
    }
    clearTimeout(this.#idle)
    if (this.#native === undefined && timeout > 0) {
      this.#idle = setTimeout(() => this.emit("timeout"), timeout).unref()
    }
    return this.#wish("timeout", (native) => native.setTimeout(timeout))
  }

  setNoDelay(noDelay?: boolean): this {
    return this.#wish("noDelay", (native) => native.setNoDelay(noDelay))
  }

  setKeepAlive(enable?: boolean, initialDelay?: number): this {
    return this.#wish("keepAlive", (native) => native.setKeepAlive(enable, initialDelay))
  }

  ref(): this {
    return this.#wish("ref", (native) => native.ref())
  }

  unref(): this {
    return this.#wish("ref", (native) => native.unref())
  }

  address(): Net.AddressInfo | {} {
    return this.destroyed ? {} : this.#address
  }

  get pending(): boolean {
    return this.#native === undefined || this.destroyed
  }

  get readyState(): Net.SocketReadyState {
    if (this.connecting) return "opening"
    if (this.readable) return this.writable ? "open" : "readOnly"
    return this.writable ? "writeOnly" : "closed"
  }

  get bytesRead(): number {
    return this.#native?.bytesRead ?? 0
  }

  get bytesWritten(): number {
    return this.#written + this.writableLength
  }

  get bufferSize(): number {
    return this.writableLength
  }

  get autoSelectFamilyAttemptedAddresses(): Array<string> {
    return this.connection?.report.attempts.map(({ address, port }) => `${address}:${port}`) ?? []
  }

  get encrypted(): boolean {
    return this.#native instanceof Tls.TLSSocket
  }

  get authorized(): boolean {
    return this.#native instanceof Tls.TLSSocket && this.#native.authorized
  }
}
