/**
 * `doctor [HOST] [PORT…]`: what this machine can do on its network, and what is
 * wrong with it.
 *
 * @since 0.1.0
 */
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import type { Dialer } from "@happy-eyeballs/core/Dialer"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Bench from "../Bench.ts"
import * as CliTarget from "../CliTarget.ts"
import * as ConnectFlags from "../ConnectFlags.ts"
import * as Doctor from "../Doctor.ts"
import * as DoctorProbe from "../DoctorProbe.ts"
import * as DoctorText from "../DoctorText.ts"
import * as Ending from "../Ending.ts"
import * as Live from "../Live.ts"
import * as OptionTexts from "../OptionTexts.ts"
import { Output } from "../Output.ts"
import * as Upstreams from "../Upstreams.ts"
import * as Usage from "../Usage.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("doctor", {
  host: Argument.String("HOST").pipe(
    Argument.withDescription("a name to ask for, and to connect to (none: nothing is connected to)"),
    Argument.optional,
    Argument.map(Option.getOrUndefined)
  ),
  ports: CliTarget.ports,
  dns: Upstreams.flag("ask this server too, and compare what it says (repeatable)"),
  json: ConnectFlags.json,
  config: OptionTexts.flag,
  options: ConnectFlags.flags
}, (input) => run(input)).pipe(
  Command.withDescription("Say what this machine can do on its network, and what is wrong with it"),
  Command.withShortDescription("say what is wrong with the network"),
  Command.withExamples([
    { command: "happy-eyeballs doctor" },
    { command: "happy-eyeballs doctor example.com 443 --dns tls://192.0.2.53" }
  ])
)

interface Input {
  readonly host: string | undefined
  readonly ports: ReadonlyArray<string>
  readonly dns: ReadonlyArray<string>
  readonly json: boolean
  readonly config: string | undefined
  readonly options: ConnectOptions.ConnectOptions
}

const run = Effect.fnUntraced(function*(
  { config, dns, host, json, options: given, ports }: Input
): Effect.fn.Return<void, Ending.Ending, Output | HappyEyeballs | Dialer | FileSystem.FileSystem> {
  const output = yield* Output
  const refuse = (tag: Usage.Fault["tag"], message: string) => Usage.refuse({ tag, message, host }, json)
  const misuse = ({ message }: { readonly message: string }) => refuse("InvalidOptions", message)
  const servers = yield* Effect.catch(Effect.fromResult(Upstreams.parse(dns)), misuse)
  const options = yield* Effect.catch(OptionTexts.load(config, given), misuse)
  // First what can be refused: then nobody has been asked for it.
  const work = Effect.flatMap(
    connect(host, ports, options),
    (connects) => Effect.map(DoctorProbe.probe(nameOf(host), servers), (probed) => ({ ...probed, connects }))
  )
  const shown = json ? work : Live.during(work, () => ["connecting, and asking name servers: a few seconds"])
  const facts = yield* Effect.catch(
    shown,
    (error) =>
      error._tag === "ConnectError" && error.reason._tag === "InvalidOptions"
        ? misuse(error)
        : refuse("InvalidTarget", error.message)
  )
  const findings = Doctor.diagnose(facts)
  const ok = findings.every(({ severity }) => severity !== "problem")
  if (json) yield* output.result(JSON.stringify({ ok, findings, facts }))
  else yield* Effect.forEach(DoctorText.lines(facts, findings, output.style), output.result)
  if (!ok) return yield* Ending.unsuccessful
})

const nameOf = (host: string | undefined): Host.DomainName => {
  const isName = host !== undefined && Result.isFailure(NetAddress.ipFromString(host))
  return isName
    ? Result.getOrElse(Host.domainNameFromString(host), () => DoctorProbe.wellKnownName)
    : DoctorProbe.wellKnownName
}

/** Connects to each address of a host once, where one was given. */
const connect = Effect.fnUntraced(function*(
  host: string | undefined,
  ports: ReadonlyArray<string>,
  options: ConnectOptions.ConnectOptions
) {
  if (host === undefined) return null
  const target = yield* Effect.mapError(
    Effect.fromResult(CliTarget.fromArguments(host, ports.length === 0 ? ["443"] : ports)),
    (message) => ({ _tag: "InvalidTarget" as const, message })
  )
  const running = new Bench.Run({
    target,
    options: ConnectFlags.ofOneConnect(options),
    count: 1,
    upstreams: [{ server: null, happyEyeballs: yield* HappyEyeballs }]
  })
  yield* running.measure
  return running.bench
})
