/**
 * `resolve NAME [TYPE]`: asks a name server, and shows what it said.
 *
 * Without `--server` it asks whom this machine is set up to ask, and looks for
 * the name where this machine would. What an answer is made of is
 * `@happy-eyeballs/dns`'s; here it is only put into words.
 *
 * @since 0.1.0
 */
import type { InvalidNameServer } from "@happy-eyeballs/dns/NameServer"
import * as QueryResult from "@happy-eyeballs/dns/QueryResult"
import * as RecordType from "@happy-eyeballs/dns/RecordType"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import type * as Stub from "@happy-eyeballs/dns/StubResolver"
import type { NoAnswer } from "@happy-eyeballs/dns/Upstream"
import { NodeStubResolver, NodeSystemResolver } from "@happy-eyeballs/node"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as CliDuration from "../CliDuration.ts"
import * as Ending from "../Ending.ts"
import { Output } from "../Output.ts"
import { visible } from "../ReportText.ts"

const given = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("resolve", {
  name: Argument.String("NAME").pipe(Argument.withDescription("a name, or an address to find the name of")),
  type: Argument.String("TYPE").pipe(
    Argument.withDescription("A, AAAA, HTTPS, MX, TYPE65280 and so on (AAAA, then A)"),
    Argument.optional,
    Argument.map(Option.getOrUndefined)
  ),
  servers: Flag.String("server").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription(
      "ask this server, as in tls://192.0.2.53 or https://192.0.2.53/dns-query (repeatable, in order)"
    ),
    Flag.atLeast(0)
  ),
  timeout: Flag.String("timeout").pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription("give up after this time (5s)"),
    Flag.mapEffect((value) =>
      Effect.fromResult(Result.mapError(
        CliDuration.fromString(value),
        (expected) => new CliError.InvalidValue({ option: "timeout", value, expected, kind: "flag" })
      ))
    ),
    Flag.withDefault(Duration.seconds(5))
  ),
  explain: given("explain", "say who answers names on this machine, and why"),
  short: given("short", "print the data of the records, and nothing else"),
  json: given("json", "print each result as one line of JSON")
}, (input) => run(input)).pipe(
  Command.withDescription("Ask a name server for records, and show what it said"),
  Command.withShortDescription("ask a name server"),
  Command.withExamples([
    { command: "happy-eyeballs resolve example.com" },
    { command: "happy-eyeballs resolve example.com MX --server tls://192.0.2.53" },
    {
      command: "happy-eyeballs resolve example.com HTTPS --server https://dns.example/dns-query?bootstrap=192.0.2.53"
    },
    { command: "happy-eyeballs resolve db.internal --explain" }
  ])
)

interface Input {
  readonly name: string
  readonly type: string | undefined
  readonly servers: ReadonlyArray<string>
  readonly timeout: Duration.Input
  readonly explain: boolean
  readonly short: boolean
  readonly json: boolean
}

interface Asked {
  readonly name: Host.DomainName
  readonly types: ReadonlyArray<number>
}

const run = Effect.fnUntraced(function*(input: Input): Effect.fn.Return<void, Ending.Ending, Output> {
  const asked = parse(input)
  if (Result.isFailure(asked)) return yield* refuse(input, asked.failure.tag, asked.failure.message)
  const options: Stub.Options = { timeout: Duration.fromInputUnsafe(input.timeout) }
  const layer = input.servers.length > 0
    ? NodeStubResolver.layer(input.servers, options).pipe(Layer.merge(unexplained))
    : NodeSystemResolver.layer(options)
  const work: Effect.Effect<void, Ending.Ending, Output | StubResolver | NodeSystemResolver.SystemResolver> =
    input.explain ? explain(asked.success) : resolve(input, asked.success)
  yield* Effect.provide(work, layer).pipe(
    Effect.catchTag("InvalidNameServer", (error: InvalidNameServer) => refuse(input, "InvalidOptions", error.message))
  )
})

const unexplained = Layer.succeed(
  NodeSystemResolver.SystemResolver,
  NodeSystemResolver.SystemResolver.of({
    choice: Effect.die("no choice was made"),
    explain: () => Effect.succeed(["--server was given: only these servers are asked, and nothing is searched for"])
  })
)

interface Fault {
  readonly tag: "InvalidTarget" | "InvalidOptions"
  readonly message: string
}

const parse = ({ name, type }: Input): Result.Result<Asked, Fault> => {
  const address = Result.getOrUndefined(NetAddress.ipFromString(name))
  if (address !== undefined && (type === undefined || type.toUpperCase() === "PTR")) {
    return Result.succeed({ name: Dns.reverseName(address), types: [RecordType.codes.PTR] })
  }
  const types = type === undefined
    ? [RecordType.codes.AAAA, RecordType.codes.A]
    : [RecordType.fromString(type)].filter((code) => code !== undefined)
  if (types.length === 0) {
    return Result.fail({
      tag: "InvalidOptions",
      message: `"${type}" is not a record type: write one such as AAAA, HTTPS or TYPE65280`
    })
  }
  return Result.mapBoth(Host.domainNameFromString(name), {
    onFailure: ({ message }): Fault => ({ tag: "InvalidTarget", message: `"${name}" is not a name: ${message}` }),
    onSuccess: (parsed): Asked => ({ name: parsed, types })
  })
}

const refuse = Effect.fnUntraced(function*(
  { json, name, type = "AAAA" }: Input,
  tag: Fault["tag"],
  message: string
): Effect.fn.Return<never, Ending.Ending, Output> {
  const output = yield* Output
  if (json) yield* output.result(JSON.stringify(QueryResult.fromFault({ name, type, tag, message })))
  else yield* output.message(`happy-eyeballs: ${visible(message)}`)
  return yield* Ending.misused
})

const explain = Effect.fnUntraced(function*(
  { name }: Asked
): Effect.fn.Return<void, never, Output | NodeSystemResolver.SystemResolver> {
  const output = yield* Output
  const { explain } = yield* NodeSystemResolver.SystemResolver
  yield* Effect.forEach(yield* explain(name), (line) => output.result(visible(line)))
})

const resolve = Effect.fnUntraced(function*(
  input: Input,
  { name, types }: Asked
): Effect.fn.Return<void, Ending.Ending, Output | StubResolver> {
  const { candidates } = yield* StubResolver
  const names = yield* candidates(name)
  let results: ReadonlyArray<QueryResult.QueryResult> = []
  // Where a search list has several names, the first that has records counts, and
  // the last one otherwise.
  for (const candidate of names) {
    results = yield* Effect.forEach(types, (type) => query(candidate, type), { concurrency: "unbounded" })
    if (results.some(({ ok }) => ok)) break
  }
  yield* Effect.forEach(results, (result) => show(input, result))
  if (!results.some(({ ok }) => ok)) return yield* Ending.unsuccessful
})

const query = (name: Host.DomainName, type: number): Effect.Effect<QueryResult.QueryResult, never, StubResolver> =>
  Effect.flatMap(
    StubResolver,
    (stub) =>
      Effect.map(Effect.timed(Effect.result(stub.query({ name, type }))), ([elapsed, result]) => {
        const elapsedMs = Math.round(Duration.toMillis(elapsed) * 1000) / 1000
        return Result.match(result, {
          onFailure: (error: NoAnswer) => QueryResult.fromNoAnswer(error, elapsedMs),
          onSuccess: (resolution) => QueryResult.fromResolution(resolution, elapsedMs)
        })
      })
  )

const show = Effect.fnUntraced(function*(
  { json, short }: Input,
  result: QueryResult.QueryResult
): Effect.fn.Return<void, never, Output> {
  const output = yield* Output
  if (json) return yield* output.result(JSON.stringify(result))
  for (const { data, name, ttlSeconds, type } of result.records) {
    if (!short) yield* output.result(visible(`${name} ${ttlSeconds} IN ${type} ${data}`))
    else if (type === result.type) yield* output.result(visible(data))
  }
  if (result.error !== null) return yield* output.message(`happy-eyeballs: ${visible(result.error.message)}`)
  if (!short) yield* output.result(visible(`; ${summary(result)}`))
})

const summary = ({ authenticatedData, cached, elapsedMs, server, stale, transport }: QueryResult.QueryResult): string =>
  [
    server === "local" ? "from this machine itself" : `from ${server}`,
    ...(transport === "tcp" && server?.startsWith("udp") === true ? ["over TCP, because it is long"] : []),
    ...(stale ? ["no longer valid"] : cached ? ["from memory"] : []),
    ...(authenticatedData ? ["verified by the server"] : []),
    `in ${Math.round(elapsedMs * 10) / 10} ms`
  ].join(", ")
