/**
 * A place in the queue for a permit.
 *
 * @internal
 */
export interface Ticket {
  granted: boolean
  readonly wake: () => void
}

/**
 * Permits for the attempts of a service, given out in turn.
 *
 * Effect's `Semaphore` makes a fiber wait; a race asks without one.
 *
 * @internal
 */
export class Permits {
  private free: number
  private granting = false
  private readonly queue = new Set<Ticket>()

  constructor(permits: number) {
    this.free = permits
  }

  /** Asks for a permit; `wake` is called when it is granted later. */
  take(wake: () => void): Ticket {
    // Whoever waits goes first.
    const ticket: Ticket = { granted: this.free > 0 && this.queue.size === 0, wake }
    if (ticket.granted) this.free--
    else this.queue.add(ticket)
    return ticket
  }

  /** Gives a permit back, or leaves the queue; the next in turn gets it. */
  release(ticket: Ticket): void {
    if (!ticket.granted) {
      this.queue.delete(ticket)
      return
    }
    ticket.granted = false
    this.free++
    this.grant()
  }

  // A loop and not a recursion: whoever is woken may be done at once, and give
  // the permit back from within.
  private grant(): void {
    if (this.granting) return
    this.granting = true
    for (const next of this.queue) {
      if (this.free === 0) break
      this.queue.delete(next)
      this.free--
      next.granted = true
      next.wake()
    }
    this.granting = false
  }
}
