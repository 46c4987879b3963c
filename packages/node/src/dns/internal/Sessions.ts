import * as Endpoint from "@happy-eyeballs/core/Endpoint"
import * as Authentication from "@happy-eyeballs/dns/Authentication"

const maxServers = 64

/**
 * TLS sessions to resume, by server and by what the server has proved.
 *
 * @internal
 */
export class Sessions {
  private readonly tickets = new Map<string, Buffer>()

  key(endpoint: Endpoint.Endpoint, authentication: Authentication.Authentication): string {
    return `${Endpoint.format(endpoint)} ${Authentication.sessionKey(authentication)}`
  }

  /** A ticket is used once (RFC 8446, appendix C.4): who listens could link two connections by it. */
  take(key: string): Buffer | undefined {
    const ticket = this.tickets.get(key)
    this.tickets.delete(key)
    return ticket
  }

  put(key: string, ticket: Buffer): void {
    this.tickets.delete(key)
    this.tickets.set(key, ticket)
    for (const oldest of this.tickets.keys()) {
      if (this.tickets.size <= maxServers) return
      this.tickets.delete(oldest)
    }
  }
}
