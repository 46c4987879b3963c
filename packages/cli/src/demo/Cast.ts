/**
 * Who plays what in the demo, on machines that have every address and on those
 * that have not.
 *
 * @since 0.1.0
 */
import type * as DemoNetwork from "./DemoNetwork.ts"

/**
 * The addresses that a machine may lack: ::1 where IPv6 is off, the others
 * where loopback is one address and not a network, as on macOS.
 *
 * @category constants
 * @since 0.1.0
 */
export const wanted: ReadonlyArray<string> = ["::1", "127.0.0.2", "127.0.0.3"]

/**
 * The members of both scenes. The second needs a late address beside another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cast {
  readonly first: ReadonlyArray<DemoNetwork.Member>
  readonly second: ReadonlyArray<DemoNetwork.Member> | undefined
}

/**
 * Gives the cast of a machine that lacks some of the addresses.
 *
 * @category constructors
 * @since 0.1.0
 */
export const without = (missing: ReadonlyArray<string>): Cast => {
  const present = (members: ReadonlyArray<DemoNetwork.Member>) =>
    members.filter(({ address }) => !missing.includes(address))
  const late = missing.includes("127.0.0.2") ? "::1" : "127.0.0.2"
  return {
    first: present([
      { address: "::1", role: "silent" },
      { address: "127.0.0.2", role: "late" },
      { address: "127.0.0.3", role: "refusing" },
      { address: "127.0.0.1", role: "good" }
    ]),
    second: missing.includes(late) ? undefined : present([
      { address: "::1", role: late === "::1" ? "late" : "silent" },
      { address: "127.0.0.2", role: "late" },
      { address: "127.0.0.3", role: "refusing" },
      { address: "127.0.0.1", role: "refusing" }
    ])
  }
}
