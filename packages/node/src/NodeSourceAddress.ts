/**
 * Asks the operating system which source address it would use.
 *
 * A UDP socket that is connected, and never written to, chooses its route and
 * its source address and sends no packet. `SourceAddress` of the core remembers
 * what is learned here.
 *
 * @since 0.1.0
 */
import * as SourceAddress from "@happy-eyeballs/core/SourceAddress"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Dgram from "node:dgram"
import * as Os from "node:os"

/**
 * Makes the source addresses of this host.
 *
 * **Details**
 *
 * One answer costs one socket for well below a millisecond. A socket is closed
 * before its answer is used, also when the caller is interrupted, and none keeps
 * the process alive. Where the system is short of descriptors, the source is
 * unknown.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options?: SourceAddress.Options | undefined
): Effect.fn.Return<SourceAddress.SourceAddresses> {
  // Listing the interfaces costs more than a probe, and they rarely change.
  const lengths = yield* Effect.cachedWithTTL(prefixLengths, options?.timeToLive ?? "5 seconds")
  return yield* SourceAddress.make({
    ...options,
    probe: (destination) => Effect.flatMap(lengths, (lengths) => probe(destination, lengths))
  })
})

/**
 * Layer with the source addresses of this host.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.effect(SourceAddress.SourceAddress, make())

/**
 * Layer with the source addresses of this host and options of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOptions = (options: SourceAddress.Options): Layer.Layer<never> =>
  Layer.effect(SourceAddress.SourceAddress, make(options))

/** The discard port (RFC 863). Nothing is sent there: any other would do. */
const port = 9

const probe = (
  destination: NetAddress.IpAddress,
  lengths: ReadonlyMap<string, number>
): Effect.Effect<SourceAddress.Source> =>
  Effect.acquireUseRelease(
    Effect.sync(() => Dgram.createSocket(NetAddress.isIpv4Address(destination) ? "udp4" : "udp6").unref()),
    (socket) =>
      Effect.callback<SourceAddress.Source>((resume) => {
        let abandoned = false
        const fail = (error: NodeJS.ErrnoException) => resume(Effect.succeed(sourceFromError(error)))
        // What fails before the route is looked up, such as a missing family or
        // descriptor, comes as an event. The listener stays until the socket is gone.
        socket.on("error", fail)
        // The error of the route is the first argument, and no event. Without
        // looking at it the source would read as 0.0.0.0. It may come after the
        // socket was closed, which then has no address to give.
        socket.connect(port, NetAddress.formatIp(destination), (error?: NodeJS.ErrnoException) => {
          if (abandoned) return
          if (error !== undefined) return fail(error)
          resume(Effect.succeed(sourceFrom(socket.address().address, lengths)))
        })
        return Effect.sync(() => {
          abandoned = true
        })
      }),
    (socket) => Effect.sync(() => socket.close())
  )

/**
 * What systems say of a destination that they would not send to: no route to
 * the network or the host, no address or no support of the family, the network
 * down, and the `blackhole` (`EINVAL`) and `prohibit` (`EACCES`) routes of Linux.
 * All other failures, such as `EMFILE`, say nothing of the destination.
 */
const noRouteCodes: ReadonlySet<string | undefined> = new Set([
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
  "ENETDOWN",
  "EINVAL",
  "EACCES"
])

const sourceFromError = (error: NodeJS.ErrnoException): SourceAddress.Source => {
  // Where a sandbox forbids UDP sockets, TCP may be allowed.
  const forbidden = error.code === "EACCES" && error.syscall !== "connect"
  return noRouteCodes.has(error.code) && !forbidden ? SourceAddress.noRoute : SourceAddress.unknown
}

const sourceFrom = (text: string, lengths: ReadonlyMap<string, number>): SourceAddress.Source => {
  const [literal = text] = text.split("%")
  const address = NetAddress.ipFromString(literal)
  return Result.isSuccess(address)
    ? SourceAddress.known(address.success, lengths.get(literal))
    : SourceAddress.unknown
}

/** The prefix lengths of the addresses on this host's interfaces, or none where it may not see them. */
const prefixLengths: Effect.Effect<ReadonlyMap<string, number>> = Effect.try({
  try: () =>
    new Map(Object.values(Os.networkInterfaces()).flatMap((addresses = []) => addresses.flatMap(prefixLength))),
  catch: () => undefined
}).pipe(Effect.orElseSucceed(() => new Map()))

const prefixLength = (info: Os.NetworkInterfaceInfo): ReadonlyArray<readonly [string, number]> => {
  const length = info.cidr?.split("/")[1]
  return length === undefined ? [] : [[info.address, Number(length)]]
}
