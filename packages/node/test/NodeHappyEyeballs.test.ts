import { assert, describe, it } from "@effect/vitest"
import { ConnectOptions, Dialer, Endpoint, HappyEyeballs, Race, Resolver, type Target } from "@happy-eyeballs/core"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import Dgram from "node:dgram"
import { once } from "node:events"
import { syncBuiltinESMExports } from "node:module"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import * as NodeDialer from "../src/NodeDialer.ts"
import * as NodeHappyEyeballs from "../src/NodeHappyEyeballs.ts"
import * as NodeScopeIds from "../src/NodeScopeIds.ts"
import * as BlackHole from "./fixtures/BlackHole.ts"
import * as Certificates from "./fixtures/Certificates.ts"
import { inet } from "./fixtures/Endpoints.ts"
import * as Remote from "./fixtures/Remote.ts"
import * as Resources from "./fixtures/Resources.ts"
import * as Servers from "./fixtures/Servers.ts"

const { connect, makeSocket } = NodeHappyEyeballs
const ca = { ca: Certificates.ca }

/** The racer with names of the test's own, so that no test asks a name server. */
const layerNames = (hosts: Record<string, ReadonlyArray<string>>) =>
  NodeHappyEyeballs.layerNoDeps.pipe(
    Layer.provide(Resolver.Resolver.layerDns),
    Layer.provide(Dns.layerStatic({ hosts })),
    Layer.provide(NodeDialer.layer)
  )

const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits until something holds, for at most ten thousand turns of the loop. */
const until = (condition: () => boolean) =>
  Effect.gen(function*() {
    for (let turns = 0; turns < 10_000 && !condition(); turns++) yield* turn
    assert.isTrue(condition())
  })

const readText = Effect.fnUntraced(function*(pull: Socket.Reader["pull"], length: number) {
  let text = ""
  while (text.length < length) {
    for (const chunk of yield* pull) text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()
  }
  return text
})

const talk = Effect.fnUntraced(function*(socket: Socket.Socket, text: string) {
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer
  yield* write(text)
  return yield* readText(pull, text.length)
}, Effect.scoped)

/** Runs a script under the Node of this process, and gives what it printed. */
const runScript = (name: string, args: ReadonlyArray<string>, under: ReadonlyArray<string> = []) =>
  Effect.promise(async () => {
    const script = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
    const [command = "", ...rest] = [
      ...under,
      process.execPath,
      "--conditions=@happy-eyeballs/source",
      script,
      ...args
    ]
    const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    child.stdout.on("data", (chunk) => output += String(chunk))
    await once(child, "close")
    return output
  })

const finalizers = (scope: Scope.Scope): number => scope.state._tag !== "Open" ? 0 : scope.state.finalizers?.size ?? 1

describe("NodeHappyEyeballs.connect", () => {
  it.live("connects to an address that answers late beside one that never does, where Node gives up", () =>
    Effect.gen(function*() {
      const late = yield* BlackHole.make("::1")
      yield* BlackHole.make("127.0.0.1", late.port)
      const givenUp: Array<string> = []
      const node = Net.connect({
        host: "dual.example",
        port: late.port,
        autoSelectFamily: true,
        lookup: (_host, _options, callback) =>
          callback(null, [{ address: "::1", family: 6 }, { address: "127.0.0.1", family: 4 }])
      })
      node.on("error", () => {}).on("connectionAttemptTimeout", (address) => {
        givenUp.push(address)
        // Had it waited longer: from now on whoever still tries gets through.
        late.release()
      })
      const { native, report } = yield* connect(`dual.example:${late.port}`)
      assert.deepStrictEqual(givenUp, ["::1"])
      assert.isTrue(node.connecting)
      node.destroy()
      assert.strictEqual(native.remoteAddress, "::1")
      assert.deepStrictEqual(
        report.attempts.map(({ address, outcome }) => [address, outcome]),
        [["::1", "connected"], ["127.0.0.1", "interrupted"]]
      )
      assert.isAbove(report.elapsedMs, 500)
    }).pipe(Effect.scoped, Effect.provide(layerNames({ "dual.example": ["::1", "127.0.0.1"] }))))

  it.live("goes on to the other family where nobody listens, and hands over what the winner is", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const connection = yield* connect(`localhost:${port}`)
      assert.instanceOf(connection.native, Net.Socket)
      assert.deepInclude(connection.report.winner, { address: "127.0.0.1", port, protocol: "tcp" })
      assert.strictEqual(yield* talk(connection.socket, "hello"), "hello")
    }).pipe(Effect.provide(NodeHappyEyeballs.layer)))

  it.live("counts a failed or hanging handshake as a failed attempt, and races on", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const wrong = yield* Servers.tls(Servers.echo, Certificates.wrongName, { host: "::1" })
      const { native, report } = yield* connect(
        [`[::1]:${wrong.port}`, `127.0.0.1:${remote.silentPort}`, `127.0.0.1:${remote.tlsPort}`],
        { tls: ca, connectionAttemptDelay: 100 }
      )
      assert.strictEqual(native.remotePort, remote.tlsPort)
      assert.deepStrictEqual(
        report.attempts.map(({ code, kind, outcome }) => [outcome, kind, code]),
        [
          ["failed", "Tls", "ERR_TLS_CERT_ALTNAME_INVALID"],
          ["interrupted", null, null],
          ["connected", null, null]
        ]
      )
    }).pipe(Effect.provide(NodeHappyEyeballs.layer)))

  it.live("fails where the dialer is not Node's, as a defect", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(connect("127.0.0.1:443")))
      assert.isTrue(Exit.hasDies(exit))
    }).pipe(Effect.provideService(HappyEyeballs.HappyEyeballs, {
      connect: () => Effect.succeed({ native: {} } as HappyEyeballs.Connection),
      connectWith: () => Effect.never,
      connectWithReport: () => Effect.never,
      events: Stream.empty,
      observe: () => Effect.void
    })))

  it.live("tells a reset between the win and the first read as an error of the read", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp(() => {})
      const { socket } = yield* connect(`127.0.0.1:${server.port}`)
      yield* until(() => server.sockets.size === 1)
      for (const accepted of server.sockets) accepted.resetAndDestroy()
      yield* until(() => server.sockets.size === 0)
      const failed = yield* Effect.flip(Effect.scoped(Effect.flatMap(socket.reader, ({ pull }) => pull)))
      assert.strictEqual(failed.reason._tag, "SocketReadError")
    }).pipe(Effect.provide(NodeHappyEyeballs.layer)))

  it.live("says in a typed error what is wrong with its input, at once, and what to do", () =>
    Effect.gen(function*() {
      const refused = yield* Servers.refusedPort()
      type Row = readonly [Target.TargetInput, ConnectOptions.ConnectOptions, string, RegExp]
      const table: ReadonlyArray<Row> = [
        ["", {}, "InvalidTarget", /empty: give a host and a port/],
        ["127.0.0.1", {}, "InvalidTarget", /no port: write "127.0.0.1:443"/],
        ["host.example:99999", {}, "InvalidTarget", /99999 is not a port/],
        ["[fe80::1%nowhere]:443", {}, "InvalidTarget", /nowhere/],
        [{ host: "host.example", ports: [] }, {}, "InvalidTarget", /no ports: give at least one/],
        [{ addresses: [], port: 443 }, {}, "InvalidTarget", /list of addresses is empty/],
        ["unknown.example:443", {}, "NoAddresses", /not found/],
        ["127.0.0.1:443", { family: "IPv6" }, "NoAddresses", /./],
        ["127.0.0.1:443", { connectionAttemptDelay: 5 }, "InvalidOptions", /connectionAttemptDelay: give/],
        [{ host: "127.0.0.1", ports: [443, "80"] }, { tls: true }, "AllAttemptsFailed", /./],
        [{ host: "127.0.0.1", ports: ["443/tls", 80] }, {}, "InvalidOptions", /allowInsecure/],
        [`127.0.0.1:${refused}`, {}, "AllAttemptsFailed", /refused the connection \(ECONNREFUSED\)/],
        [{ path: "/nowhere/at/all" }, {}, "AllAttemptsFailed", /is unreachable \(ENOENT\)/]
      ]
      for (const [target, options, tag, message] of table) {
        const started = performance.now()
        const error = yield* Effect.flip(Effect.scoped(connect(target, options)))
        assert.strictEqual(error.reason._tag, tag, JSON.stringify(target))
        assert.match(error.message, message)
        assert.notMatch(error.message, /\n/)
        assert.isBelow(performance.now() - started, 500)
        const throughSocket = yield* Effect.flip(Effect.scoped(Effect.flatMap(
          makeSocket(target, options),
          ({ reader }) => reader
        )))
        assert.strictEqual(throughSocket.reason._tag, "SocketOpenError")
        assert.propertyVal(throughSocket.reason.cause, "_tag", "ConnectError")
      }
    }).pipe(Effect.provide(layerNames({}))))

  it.live("waits for a descriptor where none is free, and blames no address for it", (context) =>
    Effect.gen(function*() {
      if (process.platform === "win32") {
        console.log("skipped: this system has no ulimit")
        return context.skip()
      }
      const { port } = yield* Servers.tcp(Servers.echo)
      const output = yield* runScript("exhausted.ts", [`127.0.0.1:${port}`], [
        "sh",
        "-c",
        "ulimit -n 64; exec \"$@\"",
        "sh"
      ])
      assert.deepStrictEqual(JSON.parse(output), [
        "127.0.0.1",
        "Started",
        "AttemptStarted",
        "Congested",
        "AttemptConnected",
        "Ended"
      ])
    }))

  it.live("does not keep a process alive after its connection has closed", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const runs = [
        // A loser that hangs; then a resolver whose second answer is still to come.
        ["addresses", `${hole.host}:${hole.port}`, `127.0.0.1:${remote.port}`],
        ["name", String(remote.port)]
      ]
      for (const args of runs) {
        assert.isBelow(Number(yield* runScript("script.ts", args)), 100)
      }
    }))
})

describe("NodeHappyEyeballs.connect, what it leaves behind", () => {
  it.live(
    "has exactly the winner open while it is held, and nothing after 300 of every ending",
    () =>
      Effect.gen(function*() {
        const remote = yield* Remote.make
        const hole = yield* BlackHole.make("127.0.0.1")
        const other = yield* BlackHole.make("::1")
        const dead = yield* Servers.refusedPort()
        const good = `127.0.0.1:${remote.port}`
        const hanging = [`${hole.host}:${hole.port}`, `[${other.host}]:${other.port}`]
        const { dial } = NodeDialer.make()
        const before = { descriptors: Resources.descriptors(), timers: Resources.timers() }
        const open = () => Resources.descriptors() - before.descriptors
        const runs: Record<
          string,
          {
            readonly concurrency: number
            readonly run: Effect.Effect<unknown, unknown, HappyEyeballs.HappyEyeballs | Scope.Scope>
          }
        > = {
          "a win against a hanging loser": {
            concurrency: 1,
            run: Effect.tap(
              connect([hanging[0]!, good], { connectionAttemptDelay: 10 }),
              () => Effect.sync(() => assert.strictEqual(open(), 1))
            )
          },
          "all refused": {
            concurrency: 1,
            run: Effect.tapError(
              Effect.flip(connect([`127.0.0.1:${dead}`, `127.0.0.1:${dead}`, `[::1]:${dead}`])),
              () => Effect.sync(() => assert.strictEqual(open(), 0))
            )
          },
          "all timed out": {
            concurrency: 25,
            run: Effect.flip(connect(hanging, { connectionAttemptDelay: 10, timeout: 30 }))
          },
          "two winners in one tick": {
            concurrency: 1,
            run: Effect.tap(
              Race.staggered(["127.0.0.1", "127.0.0.1", "::1"], (host) => dial(inet(host, remote.port)), { delay: 0 }),
              () => Effect.sync(() => assert.strictEqual(open(), 1))
            )
          }
        }
        for (const [name, { concurrency, run }] of Object.entries(runs)) {
          yield* Effect.replicateEffect(Effect.scoped(run), 300, { concurrency, discard: true })
          assert.strictEqual(open(), 0, name)
          yield* until(() => Resources.timers() <= before.timers)
        }
        assert.strictEqual(Resources.connectingTo(hole.port) + Resources.connectingTo(other.port), 0)
      }).pipe(Effect.provide(NodeHappyEyeballs.layer)),
    120_000
  )

  it.live("has nothing open after 200 races were interrupted at random moments", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const other = yield* BlackHole.make("::1")
      const targets = [
        [`127.0.0.1:${hole.port}`, `[::1]:${other.port}`, `127.0.0.1:${remote.port}`],
        [`127.0.0.1:${remote.port}`],
        [`[::1]:${other.port}`, `127.0.0.1:${remote.tlsPort}`]
      ]
      // A scope that lives on: interruption alone must close everything.
      const scope = yield* Scope.make()
      const before = Resources.descriptors()
      const outcomes = { opened: 0, interrupted: 0 }
      for (let i = 0; i < 200; i++) {
        const tls = i % 3 === 2 ? ca : undefined
        const fiber = yield* Effect.forkChild(
          Scope.provide(connect(targets[i % 3]!, { connectionAttemptDelay: 10, tls }), scope),
          { startImmediately: true }
        )
        const turns = yield* Random.nextIntBetween(0, 40)
        for (let n = 0; n < turns; n++) yield* turn
        if (yield* Random.nextBoolean) yield* Effect.sleep(yield* Random.nextBetween(0, 25))
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        if (Exit.isSuccess(exit)) exit.value.native.destroy()
        outcomes[Exit.isSuccess(exit) ? "opened" : "interrupted"]++
        assert.strictEqual(Resources.descriptors(), before, `race ${i}`)
      }
      assert.isAbove(outcomes.opened, 20)
      assert.isAbove(outcomes.interrupted, 20)
      yield* until(() => finalizers(scope) === 0)
    }).pipe(Random.withSeed("interrupted"), Effect.provide(NodeHappyEyeballs.layer)), 120_000)

  it.live(
    "neither grows the heap nor keeps descriptors, timers or finalizers over 10 000 connects",
    () =>
      Effect.gen(function*() {
        const remote = yield* Remote.make
        const target = `127.0.0.1:${remote.port}`
        const scope = yield* Scope.make()
        const heap = Effect.gen(function*() {
          yield* turn
          globalThis.gc!()
          yield* turn
          globalThis.gc!()
          return process.memoryUsage().heapUsed
        })
        const before = { descriptors: Resources.descriptors(), timers: Resources.timers() }
        const samples: Array<number> = []
        for (let round = 0; round < 10; round++) {
          // Half of them end with their own scope, half by themselves in one that lives on.
          for (let i = 0; i < 500; i++) {
            yield* Effect.scoped(connect(target))
            const { native } = yield* Scope.provide(connect(target), scope)
            native.destroy()
          }
          yield* until(() => finalizers(scope) === 0)
          samples.push(yield* heap)
        }
        assert.strictEqual(Resources.descriptors(), before.descriptors)
        yield* until(() => Resources.timers() <= before.timers)
        // The slope of a line through all samples but the first, while code is still being compiled.
        const points = samples.slice(1).map((bytes, index) => ({ x: index * 1000, y: bytes }))
        const mean = (of: (point: { readonly x: number; readonly y: number }) => number) =>
          points.reduce((sum, point) => sum + of(point), 0) / points.length
        const x = mean((point) => point.x)
        const y = mean((point) => point.y)
        const bytesPerConnect = mean((point) => (point.x - x) * (point.y - y)) / mean((point) => (point.x - x) ** 2)
        assert.isBelow(bytesPerConnect, 30, `heap: ${samples.join(", ")}`)
      }).pipe(Effect.provide(NodeHappyEyeballs.layer)),
    120_000
  )
})

describe("NodeHappyEyeballs.makeSocket", () => {
  it.live("races anew at each acquisition of its reader", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const first = yield* Scope.make()
      const v6 = yield* Scope.provide(Servers.tcp(Servers.echo, { host: "::1" }), first)
      const winners: Array<string | undefined> = []
      const { events } = yield* HappyEyeballs.HappyEyeballs
      yield* Effect.forkScoped(
        Stream.runForEach(events, (event) =>
          Effect.sync(() => {
            if (event._tag === "Ended") winners.push(event.report.winner?.address)
          })),
        { startImmediately: true }
      )
      const socket = yield* makeSocket([`127.0.0.1:${hole.port}`, `[::1]:${v6.port}`], { connectionAttemptDelay: 10 })
      assert.strictEqual(yield* talk(socket, "once"), "once")
      assert.strictEqual(yield* talk(socket, "twice"), "twice")
      yield* Scope.close(first, Exit.void)
      hole.release()
      yield* Effect.scoped(socket.reader)
      yield* until(() => winners.length === 3)
      assert.deepStrictEqual(winners, ["::1", "::1", "127.0.0.1"])
    }).pipe(Effect.scoped, Effect.provide(NodeHappyEyeballs.layer)))

  it.live("fails with a timeout where the time ran out", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const before = Resources.descriptors()
      const { reader } = yield* makeSocket(`127.0.0.1:${hole.port}`, { timeout: 20 })
      const { reason } = yield* Effect.flip(Effect.scoped(reader))
      assert.deepInclude({ ...reason }, { _tag: "SocketOpenError", kind: "Timeout" })
      assert.match(String((reason.cause as Error).message), /timed out after 20/)
      assert.strictEqual(Resources.descriptors(), before)
    }).pipe(Effect.provide(NodeHappyEyeballs.layer)))

  it.live("hears a banner whole, upgrades to TLS in place, and closes cleanly", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp(Servers.smtp)
      const before = Resources.descriptors()
      const socket = yield* makeSocket(`127.0.0.1:${server.port}`)
      for (let i = 0; i < 3; i++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { pull, upgrade } = yield* socket.reader
          const { write } = yield* socket.writer
          const hear = (line: string) =>
            Effect.map(readText(pull, line.length), (text) => assert.strictEqual(text, line))
          yield* hear("220 mail.example ESMTP\r\n")
          yield* write("EHLO client.example\r\n")
          yield* hear("250-mail.example\r\n250 STARTTLS\r\n")
          yield* write("STARTTLS\r\n")
          yield* hear("220 go ahead\r\n")
          yield* upgrade({ servername: "dual.example", ca: Certificates.ca })
          yield* write("MAIL FROM:<>\r\n")
          yield* hear("MAIL FROM:<>\r\n")
        }))
      }
      yield* until(() => Resources.descriptors() === before)
    }).pipe(Effect.provide(NodeHappyEyeballs.layer)))

  it.live("fails the upgrade, and nothing else, where the certificate is not the one demanded", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp(Servers.smtp)
      const before = Resources.descriptors()
      const socket = yield* makeSocket(`127.0.0.1:${server.port}`)
      const failed = yield* Effect.flip(Effect.scoped(Effect.gen(function*() {
        const { pull, upgrade } = yield* socket.reader
        const { write } = yield* socket.writer
        yield* pull
        yield* write("STARTTLS\r\n")
        yield* pull
        yield* upgrade({ servername: "unknown.example", ca: Certificates.ca })
      })))
      assert.strictEqual(failed.reason._tag, "SocketUpgradeError")
      yield* until(() => Resources.descriptors() === before)
    }).pipe(Effect.provide(NodeHappyEyeballs.layer)))
})

describe("NodeHappyEyeballs.layerSocket", () => {
  it.live("provides a socket that connects when it is used", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const said = yield* Effect.flatMap(Socket.Socket, (socket) => talk(socket, "hello")).pipe(
        Effect.provide(NodeHappyEyeballs.layerSocket({ addresses: ["127.0.0.1"], port }))
      )
      assert.strictEqual(said, "hello")
    }).pipe(Effect.provide(NodeHappyEyeballs.HappyEyeballsLive)))
})

describe("NodeHappyEyeballs layers", () => {
  it.live("know the zones of this machine's interfaces and its source addresses", () =>
    Effect.gen(function*() {
      const [zone] = NodeScopeIds.scopeIds()
      if (zone === undefined) console.log("skipped: no interface of this machine has a link-local address")
      const dialled: Array<string> = []
      // Nothing is sent: this dialer only writes down what it is asked, and no more does a probe for a source address.
      const writesDown = Layer.succeed(Dialer.Dialer, {
        dial: (endpoint) =>
          Effect.suspend(() => {
            dialled.push(Endpoint.format(endpoint))
            return Effect.fail(Dialer.failureFromCause(endpoint, new Error("not here")))
          })
      })
      const probes = vi.spyOn(Dgram, "createSocket")
      syncBuiltinESMExports()
      yield* Effect.gen(function*() {
        if (zone !== undefined) yield* Effect.exit(Effect.scoped(connect(`[fe80::1%${zone[0]}]:443`)))
        yield* Effect.exit(Effect.scoped(connect("dual.example:443")))
      }).pipe(Effect.provide(NodeHappyEyeballs.layerNoDeps.pipe(
        Layer.provide(Resolver.Resolver.layerDns),
        Layer.provide(Dns.layerStatic({ hosts: { "dual.example": ["127.0.0.1", "::1"] } })),
        Layer.provide(writesDown)
      )))
      const probed = probes.mock.calls.length
      probes.mockRestore()
      syncBuiltinESMExports()
      assert.deepStrictEqual(dialled.toSorted(), [
        "127.0.0.1:443",
        "[::1]:443",
        ...(zone === undefined ? [] : [`[fe80::1%${zone[1]}]:443`])
      ])
      assert.isAbove(probed, 0)
    }))

  it.live("take options, also from configuration, and refuse those that are not allowed", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const connecting = Effect.scoped(connect(`127.0.0.1:${hole.port}`))
      const failureWith = <E>(layer: Layer.Layer<HappyEyeballs.HappyEyeballs, E>) =>
        Effect.flip(Effect.provide(connecting, layer))
      const { layerConfig, layerOptions } = NodeHappyEyeballs
      const timedOut = yield* failureWith(layerOptions({ timeout: 20 }))
      assert.match(String(timedOut), /timed out after 20/)
      const configured = layerConfig(ConnectOptions.config).pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { HAPPY_EYEBALLS_TIMEOUT: "30 millis" } })))
      )
      assert.match(String(yield* failureWith(configured)), /timed out after 30/)
      const refused = yield* failureWith(layerOptions({ connectionAttemptDelay: 1 }))
      assert.propertyVal(refused, "_tag", "InvalidOptions")
    }))
})
