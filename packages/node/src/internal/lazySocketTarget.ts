import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { TargetInput } from "@happy-eyeballs/core/Target"
import type * as Net from "node:net"

/**
 * Reads the arguments of a `net.Socket`'s `connect`: a port and a host, a path,
 * or an object with those.
 */
export const targetFromArguments = (
  [first, second]: ReadonlyArray<unknown>,
  options: ConnectOptions
): readonly [TargetInput, ConnectOptions] => {
  if (typeof first === "object" && first !== null) {
    const place = first as Partial<Net.TcpNetConnectOpts & Net.IpcNetConnectOpts>
    const family = place.family === 4 ? "IPv4" : place.family === 6 ? "IPv6" : options.family
    return place.path === undefined
      ? [tcp(place.port, place.host), family === undefined ? options : { ...options, family }]
      : [{ path: place.path }, options]
  }
  // A path that reads as a number is a port.
  return typeof first === "string" && !(Number(first) >= 0) ? [{ path: first }, options] : [tcp(first, second), options]
}

const tcp = (port: unknown, host: unknown): TargetInput => ({
  host: typeof host === "string" && host !== "" ? host : "localhost",
  port: typeof port === "string" ? port : Number(port)
})
