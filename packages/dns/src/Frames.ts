/**
 * Messages on a stream: each stands behind its length in two bytes (RFC 1035,
 * section 4.2.2).
 *
 * @since 0.1.0
 */

/**
 * Cuts a stream into messages.
 *
 * **Details**
 *
 * A message that is dripped byte by byte costs no more than one that comes at
 * once. Lengths of zero are passed over.
 *
 * @category models
 * @since 0.1.0
 */
export class Frames {
  private readonly length = new Uint8Array(2)
  private body: Uint8Array | undefined
  private filled = 0

  /**
   * Takes the next bytes and gives the messages that are complete with them.
   *
   * @since 0.1.0
   */
  push(chunk: Uint8Array): ReadonlyArray<Uint8Array> {
    const messages: Array<Uint8Array> = []
    for (let offset = 0; offset < chunk.length;) {
      const target = this.body ?? this.length
      const part = chunk.subarray(offset, offset + target.length - this.filled)
      target.set(part, this.filled)
      this.filled += part.length
      offset += part.length
      if (this.filled < target.length) continue
      this.filled = 0
      if (this.body !== undefined) messages.push(this.body)
      const next = this.body === undefined ? (target[0] ?? 0) << 8 | (target[1] ?? 0) : 0
      this.body = next === 0 ? undefined : new Uint8Array(next)
    }
    return messages
  }
}

/**
 * Puts its length before a message.
 *
 * @category encoding
 * @since 0.1.0
 */
export const frame = (message: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(message.length + 2)
  bytes[0] = message.length >>> 8
  bytes[1] = message.length & 0xff
  bytes.set(message, 2)
  return bytes
}
