import { assert, describe, it } from "@effect/vitest"
import type { ConnectReport } from "@happy-eyeballs/core/ConnectReport"
import { execFile, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { promisify } from "node:util"

// The system's own settings are asked, so they are replaced for one process: a network that ends at its loopback, and
// files laid over the system's. libc gives up on a silent server after two tries of a second, not after fifteen seconds.
const files = {
  "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n",
  "nsswitch.conf": "hosts: files dns\n",
  hosts: "127.0.0.1 localhost\n"
}

// The addresses and the route are there so that IPv6 counts as routed and is waited for; Node, which asks libc only for
// families that the host has an address of, then asks for both too. A cache daemon would ask from outside.
const setup = `
PATH="$PATH:/usr/sbin:/sbin"
ip link set lo up
ip addr add 127.0.0.2/8 dev lo
ip addr add 2001:db8:1::2/64 dev lo nodad
ip -6 route add default dev lo src 2001:db8:1::2
for file in ${Object.keys(files).join(" ")}; do mount --bind "$0/$file" "/etc/$file"; done
if [ -d /run/nscd ]; then mount -t tmpfs tmpfs /run/nscd; fi
exec "$@"`

/** Runs `use` with the arguments that run a command in such a place. */
const inPlace = async <A>(use: (args: ReadonlyArray<string>) => A | Promise<A>): Promise<A> => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))
  try {
    for (const [file, text] of Object.entries(files)) Fs.writeFileSync(Path.join(directory, file), text)
    const user = process.getuid?.() === 0 ? [] : ["--map-root-user"]
    return await use([...user, "--net", "--mount", "sh", "-ec", setup, directory])
  } finally {
    Fs.rmSync(directory, { recursive: true })
  }
}

const missing = process.platform === "linux"
  ? await inPlace((args) => {
    const { error, status, stderr } = spawnSync("unshare", [...args, "true"], { encoding: "utf8" })
    return error !== undefined ? error.message : status === 0 ? undefined : stderr.trim()
  })
  : "this is not Linux"
if (missing !== undefined) {
  console.log(`Neighbour: skipped, because a process cannot have a network and files of its own (${missing})`)
}

interface Beside<A> {
  readonly done: A
  readonly neighbourMs: number
  readonly neighbourAsked: number
}

interface Measured {
  readonly alone: number
  readonly ours: Beside<ReadonlyArray<ConnectReport>>
  readonly node: Beside<ReadonlyArray<number>>
}

const measure = (): Promise<Measured> =>
  inPlace(async (args) => {
    const program = Path.join(import.meta.dirname, "support/neighbour-program.ts")
    const { stdout } = await promisify(execFile)(
      "unshare",
      [...args, process.execPath, "--conditions=@happy-eyeballs/source", program],
      // Nothing else of the environment: variables change the pool's size, libc's patience and who answers names.
      { env: { PATH: process.env["PATH"] }, timeout: 50_000 }
    )
    return JSON.parse(stdout)
  })

const ms = (time: number) => `${Math.round(time)} ms`

describe.skipIf(missing !== undefined)("HappyEyeballsLive beside a neighbour that asks getaddrinfo", () => {
  it("connects within the resolution delay and slows nobody, where Node and getaddrinfo take seconds", async () => {
    const { alone, node, ours } = await measure()
    const waited = ours.done.map(({ attempts, resolution }) =>
      (attempts[0]?.startedAtMs ?? Infinity) - (resolution[0]?.atMs ?? 0)
    )
    const elapsed = ours.done.map(({ elapsedMs }) => elapsedMs)
    console.log(
      `Neighbour: ${ours.done.length} connects beside a silent AAAA took at most ${ms(Math.max(...elapsed))} (first ` +
        `attempt ${ms(Math.min(...waited))} to ${ms(Math.max(...waited))} after the A answer) and ` +
        `${ours.neighbourAsked} lookups beside them at most ${ms(ours.neighbourMs)} (alone ${ms(alone)}); Node's ` +
        `connect, lookup, connect and lookup took ${node.done.map(ms).join(", ")} and the lookup beside them ` +
        `${ms(node.neighbourMs)}`
    )

    assert.lengthOf(ours.done, 64)
    for (const { attempts, ok, resolution, winner } of ours.done) {
      assert.isTrue(ok)
      assert.strictEqual(winner?.address, "127.0.0.1")
      assert.lengthOf(attempts, 1)
      // libc gives no time to live: the stub resolver answered, by the system's settings.
      assert.deepStrictEqual(resolution.map(({ ttlSeconds, type }) => [type, ttlSeconds]), [["A", 60]])
    }
    // The resolution delay of 50 ms was really waited for; the rest is what sixty-four of them take on a busy machine,
    // and less than libc waits before it asks again.
    assert.isAtLeast(Math.min(...waited), 45)
    assert.isBelow(Math.max(...waited), 900)
    assert.isBelow(Math.max(...elapsed), 900)
    assert.isBelow(ours.neighbourMs, 900)

    assert.isAtLeast(Math.min(...node.done), 1_000)
    assert.isAtLeast(node.neighbourMs, 1_000)
  }, 60_000)
})
