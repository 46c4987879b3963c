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
  private readonly queue = new Set<Ticket>()

  constructor(permits: number) {
    this.free = permits
  }

  /** Asks for a permit; `wake` is called when it is granted later. */
  take(wake: () => void): Ticket {
    const ticket: Ticket = { granted: this.free > 0, wake }
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
    for (const next of this.queue) {
      this.queue.delete(next)
      next.granted = true
      next.wake()
      return
    }
    this.free++
  }
}
