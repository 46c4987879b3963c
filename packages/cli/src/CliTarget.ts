/**
 * HOST and PORT… of the command line, put into the form in which `connect`
 * takes a target.
 *
 * Nothing is checked here that `Target` of the core checks: a bad host or port
 * passes through, so that command line and library refuse it in the same words.
 *
 * @since 0.1.0
 */
import type * as Target from "@happy-eyeballs/core/Target"
import * as Argument from "effect/cli/Argument"
import * as Result from "effect/Result"

/**
 * The argument HOST.
 *
 * @category arguments
 * @since 0.1.0
 */
export const host: Argument.Argument<string> = Argument.String("HOST").pipe(
  Argument.withDescription("a name, an address, or addresses with commas between them, tried in that order")
)

/**
 * The arguments PORT….
 *
 * @category arguments
 * @since 0.1.0
 */
export const ports: Argument.Argument<ReadonlyArray<string>> = Argument.String("PORT").pipe(
  Argument.withDescription("443, 443/tls or a service name; - takes it from HOST:PORT; none for unix:PATH"),
  Argument.variadic({ min: 0 })
)

/**
 * Gives the target that HOST and PORT… name.
 *
 * **Details**
 *
 * - A HOST with commas is a list of literal addresses, tried in that order.
 * - The PORT `-` says that HOST has the form `HOST:PORT`.
 * - A HOST that begins with `unix:` is a path and takes no port.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromArguments = (
  host: string,
  ports: ReadonlyArray<string>
): Result.Result<Target.TargetInput, string> => {
  const fromHost = ports.includes("-")
  if (fromHost && ports.length > 1) {
    return Result.fail("the port - takes the port from HOST:PORT and stands alone")
  }
  if (host.startsWith("unix:")) {
    return fromHost || ports.length === 0
      ? Result.succeed(host)
      : Result.fail("a Unix path takes no port")
  }
  if (host.includes(",")) {
    const addresses = host.split(",").map((address) => address.trim())
    return Result.succeed(fromHost ? addresses : { addresses, ports })
  }
  if (ports.length === 0 && /^([^:]+|\[.*\]):\w+$/.test(host)) {
    return Result.fail(`no ports: give them apart, or write "${host} -" to take the port from HOST:PORT`)
  }
  return Result.succeed(fromHost ? host : { host, ports })
}
