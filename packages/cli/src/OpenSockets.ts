/**
 * Counts the sockets that a connect left open.
 *
 * On Linux the kernel is asked: a socket counts when it is among this process's
 * descriptors after `connect` and was not before. Elsewhere Node's own handles
 * are counted, which misses those that keep no process alive.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Fs from "node:fs"

/**
 * The sockets that were open at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export type Snapshot =
  | { readonly _tag: "Descriptors"; readonly inodes: ReadonlySet<string> }
  | { readonly _tag: "Handles"; readonly count: number }

/**
 * Takes down which sockets are open now.
 *
 * @category constructors
 * @since 0.1.0
 */
export const snapshot: Effect.Effect<Snapshot> = Effect.sync(() => {
  const inodes = readInodes()
  return inodes === undefined ? { _tag: "Handles", count: countHandles() } : { _tag: "Descriptors", inodes }
})

/**
 * Counts what was opened since a snapshot and is still open, without the
 * winner. To be run at the moment when `connect` has returned.
 *
 * **Details**
 *
 * What lookups use does not count, because they may finish after a win: UDP,
 * Netlink and Unix sockets, and TCP to peers that are no endpoint of an attempt.
 *
 * @category constructors
 * @since 0.1.0
 */
export const countLeaked = (before: Snapshot, report: ConnectReport.ConnectReport): Effect.Effect<number> => {
  const won = report.winner === null ? 0 : 1
  if (before._tag === "Descriptors") {
    return Effect.sync(() => {
      const opened = [...readInodes() ?? []].filter((inode) => !before.inodes.has(inode))
      // The kernel's tables can be long, and most often nothing is left over.
      if (opened.length <= won) return 0
      const ofOthers = inodesOfOthers(report)
      return Math.max(0, opened.filter((inode) => !ofOthers.has(inode)).length - won)
    })
  }
  // A handle that was closed in this turn is counted until the next.
  const nextTurn = Effect.callback<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  })
  return Effect.map(nextTurn, () => Math.max(0, countHandles() - before.count - won))
}

const countHandles = (): number =>
  process.getActiveResourcesInfo().filter((type) => type === "TCPSocketWrap" || type === "PipeWrap").length

const readInodes = (): ReadonlySet<string> | undefined => {
  const descriptors = tryOr(() => Fs.readdirSync("/proc/self/fd"), undefined)
  return descriptors && new Set(descriptors.flatMap((descriptor) => {
    // The descriptor of the listing itself is gone by now.
    const target = tryOr(() => Fs.readlinkSync(`/proc/self/fd/${descriptor}`), "")
    return /^socket:\[(\d+)\]$/.exec(target)?.slice(1) ?? []
  }))
}

const inodesOfOthers = ({ attempts }: ConnectReport.ConnectReport): ReadonlySet<string> => {
  const peers = new Set(attempts.map(({ address, port }) => `${address.replace(/%.*$/, "")} ${port}`))
  const isOther = ([, , remote = ""]: ReadonlyArray<string>) => !peers.has(parsePeer(remote))
  const always = () => true
  const toPath = attempts.some(({ port }) => port === null)
  return new Set([
    ...readTable("udp", 9, always),
    ...readTable("udp6", 9, always),
    ...readTable("netlink", 9, always),
    ...(toPath ? [] : readTable("unix", 6, always)),
    ...readTable("tcp", 9, isOther),
    ...readTable("tcp6", 9, isOther)
  ])
}

const readTable = (
  name: string,
  inodeColumn: number,
  predicate: (columns: ReadonlyArray<string>) => boolean
): ReadonlyArray<string> =>
  tryOr(() => Fs.readFileSync(`/proc/self/net/${name}`, "utf8"), "")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(predicate)
    .flatMap((columns) => columns[inodeColumn] ?? [])

// The kernel prints an address as 32-bit words in its own byte order.
const parsePeer = (text: string): string => {
  const [hex = "", port = ""] = text.split(":")
  const words = hex.match(/.{8}/g) ?? []
  const bytes = new Uint8Array(Uint32Array.from(words, (word) => Number.parseInt(word, 16)).buffer)
  const address = bytes.length === 16
    ? NetAddress.ipv6FromBytesUnsafe(bytes)
    : bytes.length === 4
    ? NetAddress.ipv4FromBytesUnsafe(bytes)
    : undefined
  return address === undefined ? "" : `${NetAddress.formatIp(address)} ${Number.parseInt(port, 16)}`
}

const tryOr = <A>(f: () => A, orElse: A): A => {
  try {
    return f()
  } catch {
    return orElse
  }
}
