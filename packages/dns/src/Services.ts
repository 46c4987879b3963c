/**
 * The system's table of named ports, `/etc/services`, as text.
 *
 * @since 0.1.0
 */

/**
 * Reads the TCP ports by name and alias. The first line of a name counts, and a
 * strange line costs that line.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): ReadonlyMap<string, number> => {
  const ports = new Map<string, number>()
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [name = "", place = "", ...aliases] = line.replace(/#.*$/, "").trim().split(/\s+/)
    const port = Number(/^(\d{1,5})\/tcp$/i.exec(place)?.[1] ?? 0)
    if (port < 1 || port > 65_535) continue
    for (const known of [name, ...aliases]) {
      if (!ports.has(known)) ports.set(known, port)
    }
  }
  return ports
}
