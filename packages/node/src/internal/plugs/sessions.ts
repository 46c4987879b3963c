/**
 * TLS sessions of earlier connections, so that later handshakes are shorter.
 */
import type * as Net from "node:net"
import * as Tls from "node:tls"

/**
 * Sessions by a key that stands for everything that was checked when they were
 * made: a resumed session is not checked again.
 */
export class Sessions {
  private readonly max: number
  private readonly sessions = new Map<string, Buffer>()

  constructor(max: number | undefined) {
    this.max = max ?? 100
  }

  get(key: string): Buffer | undefined {
    return this.sessions.get(key)
  }

  /** Remembers the sessions of a connection whose handshake is finished. */
  learn(key: string, socket: Net.Socket): void {
    if (this.max === 0 || !(socket instanceof Tls.TLSSocket)) return
    // TLS 1.3 sends its tickets after the handshake; before that the session came with it.
    const session = socket.getProtocol() === "TLSv1.3" ? undefined : socket.getSession()
    if (session !== undefined) this.set(key, session)
    socket.on("session", (ticket) => this.set(key, ticket))
  }

  forget(key: string): void {
    this.sessions.delete(key)
  }

  private set(key: string, session: Buffer): void {
    this.sessions.delete(key)
    this.sessions.set(key, session)
    const [oldest] = this.sessions.keys()
    if (this.sessions.size > this.max && oldest !== undefined) this.sessions.delete(oldest)
  }
}
