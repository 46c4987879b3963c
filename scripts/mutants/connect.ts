import type { Mutated } from "./mutant.ts"

const guards = "packages/core/test/ConnectGuards.test.ts"

const limits = "packages/core/test/LimitGuards.test.ts"

const hostile = "packages/core/test/Hostile.test.ts"

const tests = ["packages/core/test/HappyEyeballs.test.ts", guards, limits, "packages/core/test/Service.test.ts"]

const policyTests = ["packages/core/test/AddressPolicy.test.ts", guards]

export const connect: Mutated = {
  file: "packages/core/src/Connect.ts",
  tests,
  mutants: [
    {
      name: "Connect: addresses wait for an answer",
      find: "let begun = target.at._tag !== \"Name\"",
      replace: "let begun = false"
    },
    {
      name: "Connect: the resolver is not told the port",
      find: "types, port: target.ports[0]?.number",
      replace: "types"
    },
    {
      name: "Connect: the resolution delay counts from the latest answer",
      find: "usableSince === undefined && Answers",
      replace: "Answers"
    },
    {
      name: "Connect: the resolution delay counts from an unusable answer",
      find: " && Answers.hasUsable(answers())",
      replace: ""
    },
    { name: "Connect: an answer wakes nobody", find: "() => wake()\n    )", replace: "() => {}\n    )" },
    {
      name: "Connect: what has begun waits again",
      find: "if (begun || answers().ended)",
      replace: "if (answers().ended)"
    },
    {
      name: "Connect: waits for addresses after the last answer",
      find: "if (begun || answers().ended)",
      replace: "if (begun)"
    },
    {
      name: "Connect: waits for IPv6 always",
      find: "AddressSelection.preferredFamily(sources)",
      replace: "\"IPv6\"",
      tests: ["packages/core/test/Conformance.test.ts"]
    },
    {
      name: "Connect: the resolution delay is always waited",
      find: "if (Answers.mayBegin(answers(), { prefer, types, waited: false })) return -Infinity",
      replace: ""
    },
    {
      name: "Connect: begins without an address",
      find: "usableSince === undefined ? Infinity : usableSince",
      replace: "(usableSince ?? -Infinity)"
    },
    {
      name: "Connect: the resolution delay never ends",
      find: "usableSince === undefined ? Infinity : usableSince + settings.resolutionDelay",
      replace: "Infinity"
    },
    {
      name: "Connect: every port order prefers the first port",
      find: "settings.portOrder !== \"preferFirst\" || ",
      replace: ""
    },
    {
      name: "Connect: the first port is held back",
      find: " || portIndex === 0) return -Infinity",
      replace: ") return -Infinity",
      survives: "No port comes before the first, so that none of an earlier one runs: looking at it first saves cost."
    },
    {
      name: "Connect: a later port is held back when the earlier have failed",
      find: "if (!earlierRuns) return -Infinity",
      replace: ""
    },
    {
      name: "Connect: a port is held back by itself",
      find: "one.portIndex < portIndex)",
      replace: "one.portIndex <= portIndex)"
    },
    {
      name: "Connect: the head start counts from every port's start",
      find: "lastStartAt.slice(0, portIndex)",
      replace: "lastStartAt"
    },
    {
      name: "Connect: the head start counts from the first start",
      find: "Math.max(...lastStartAt",
      replace: "Math.min(...lastStartAt"
    },
    {
      name: "Connect: a port without a start counts",
      find: ".filter((at) => at !== undefined)",
      replace: "",
      survives: "A port comes up only after every address was tried on the ports before it: each of them has a start."
    },
    {
      name: "Connect: the head start is not an option",
      find: "settings.headStart ?? settings.connectionAttemptDelay",
      replace: "settings.connectionAttemptDelay"
    },
    {
      name: "Connect: there is no head start unless said",
      find: "settings.headStart ?? settings.connectionAttemptDelay",
      replace: "(settings.headStart ?? 0)"
    },
    { name: "Connect: what was tried is a candidate", find: ".filter((one) => !tried.has(one))", replace: "" },
    {
      name: "Connect: the policy is not asked",
      find: "policy?.denies(endpoint.address)",
      replace: "undefined",
      tests: policyTests
    },
    {
      name: "Connect: waits for candidates that it may not try",
      find: "resolution === undefined || tried.size >= settings.maxCandidates",
      replace: "resolution === undefined"
    },
    {
      name: "Connect: addresses are refreshed",
      find: "resolution === undefined || tried.size >= settings.maxCandidates",
      replace: "tried.size >= settings.maxCandidates"
    },
    { name: "Connect: refreshes for ever", find: "!resolution.refreshed && ", replace: "", tests: [guards] },
    {
      name: "Connect: refreshes fresh answers",
      find: "!resolution.refreshed && Answers.allCached(answers())",
      replace: "!resolution.refreshed"
    },
    {
      name: "Connect: never refreshes",
      find: "!resolution.refreshed && Answers.allCached(answers())",
      replace: "false"
    },
    {
      name: "Connect: does not wait for more answers",
      find: "!answers().ended || (mayRefresh",
      replace: "(mayRefresh"
    },
    { name: "Connect: refreshes while attempts run", find: " || (mayRefresh && inFlight.size > 0)", replace: "" },
    { name: "Connect: a refresh is not an event", find: "journal.say({ _tag: \"Refreshed\" })", replace: "" },
    {
      name: "Connect: a bug of the resolver is ignored",
      find: "if (resolution?.defect !== undefined) return { _tag: \"Failed\", cause: resolution.defect }",
      replace: ""
    },
    { name: "Connect: begins at once", find: "if (wait > now()) return", replace: "if (false) return" },
    { name: "Connect: waits for an answer alone", find: "{ _tag: \"Wait\", until: wait }", replace: "forever" },
    {
      name: "Connect: a denied address does not end the race",
      find: "if (isRejected()) return { _tag: \"Failed\", cause: Cause.fail(\"denied\") }",
      replace: "",
      tests: policyTests
    },
    {
      name: "Connect: every policy rejects",
      find: "if (policy?.onDenied !== \"reject\") return false",
      replace: "",
      tests: policyTests
    },
    {
      name: "Connect: nobody looks at what was answered while the winner was dialled",
      find: "(won) => isRejected() ? Effect.fail<Ended>(\"denied\") : Effect.succeed(won)",
      replace: "(won) => Effect.succeed(won)",
      tests: policyTests
    },
    {
      name: "Connect: the best address alone can end the race",
      find: "untried().find(deniedBy)",
      replace: "untried().slice(0, 1).find(deniedBy)",
      tests: policyTests
    },
    {
      name: "Connect: one candidate too many",
      find: "if (tried.size >= settings.maxCandidates) {",
      replace: "if (tried.size > settings.maxCandidates) {"
    },
    { name: "Connect: left out counts one too few", find: "others.length + 1", replace: "others.length" },
    { name: "Connect: a later port is not held back", find: "if (held > now()) return", replace: "if (false) return" },
    {
      name: "Connect: a later port is held back until something happens",
      find: "{ _tag: \"Wait\", until: held }",
      replace: "forever"
    },
    { name: "Connect: a connect queues twice", find: "ticket ??= openAttempts", replace: "ticket = openAttempts" },
    {
      name: "Connect: a permit that comes wakes nobody",
      find: "openAttempts.take(() => wake())",
      replace: "openAttempts.take(() => {})"
    },
    { name: "Connect: attempts need no permit", find: "if (!ticket.granted) return queued", replace: "" },
    { name: "Connect: who waits for a permit queues anew each time", find: "next !== queued && ", replace: "" },
    {
      name: "Connect: who has nothing to try keeps a permit",
      find: "if (next._tag !== \"Start\" && next !== queued && ticket !== undefined) {",
      replace: "if (false) {",
      tests: [hostile]
    },
    {
      name: "Connect: who has nothing to try may give a permit back twice",
      find: "        openAttempts.release(ticket)\n        ticket = undefined",
      replace: "        openAttempts.release(ticket)"
    },
    {
      name: "Connect: what is tried is not remembered",
      find: "      tried.add(candidate)\n      return { _tag: \"Start\"",
      replace: "      return { _tag: \"Start\"",
      tests: [guards]
    },
    { name: "Connect: a permit is used twice", find: "ticket = undefined\n      lastStartAt", replace: "lastStartAt" },
    { name: "Connect: a start is not remembered", find: "lastStartAt[candidate.portIndex] = now()", replace: "" },
    {
      name: "Connect: a denied address is dialled",
      find: "if (denied !== undefined) return Effect.fail(denied)",
      replace: "",
      tests: policyTests
    },
    {
      name: "Connect: any failure is a shortage",
      find: "if (failure.kind !== \"Congested\") return Effect.fail(failure)",
      replace: ""
    },
    {
      name: "Connect: a shortage is a failure",
      find: "if (failure.kind !== \"Congested\") return Effect.fail(failure)",
      replace: "return Effect.fail(failure)"
    },
    {
      name: "Connect: a shortage is not an event",
      find: "journal.say({ _tag: \"Congested\", attempt: number, endpoint })",
      replace: ""
    },
    { name: "Connect: a shortage takes the attempt's time", find: "race.hold(self)", replace: "" },
    { name: "Connect: an attempt has no limit after a shortage", find: "race.restart(self)", replace: "" },
    {
      name: "Connect: a shortage is not waited out longer each time",
      find: "Math.min(backoff * 2, 500)",
      replace: "backoff",
      tests: [limits]
    },
    {
      name: "Connect: a shortage is waited out longer without end",
      find: "Math.min(backoff * 2, 500)",
      replace: "backoff * 2"
    },
    {
      name: "Connect: an attempt that ended keeps its permit",
      find: "openAttempts.release(inFlight.get(candidate)!)",
      replace: ""
    },
    { name: "Connect: ended attempts hold later ports back", find: "inFlight.delete(candidate)", replace: "" },
    {
      name: "Connect: an interrupted attempt has failed",
      find: "if (failure === undefined) journal.say({ _tag: \"AttemptInterrupted\", attempt: number, endpoint })",
      replace: "if (failure === undefined) {}"
    },
    {
      name: "Connect: the attempt delay is not an option",
      find: "delayAfter: () => settings.connectionAttemptDelay",
      replace: "delayAfter: () => 250"
    },
    {
      name: "Connect: the cap of attempts is not an option",
      find: "maxInFlight: settings.maxAttemptsInFlight",
      replace: "maxInFlight: Infinity"
    },
    {
      name: "Connect: the limit of an attempt is not an option",
      find: "ms: settings.attemptTimeout",
      replace: "ms: 5000"
    },
    { name: "Connect: the limit of the whole is not an option", find: "at: settings.timeout", replace: "at: 10_000" },
    {
      name: "Connect: a permit that was not used is kept",
      find: "if (ticket !== undefined) openAttempts.release(ticket)",
      replace: ""
    },
    { name: "Connect: a lookup is not drained", find: "resolution?.drain()", replace: "" },
    { name: "Connect: IPv6 alone asks for both", find: "settings.family === \"IPv6\" ? [\"AAAA\"] :", replace: "" },
    { name: "Connect: IPv4 alone asks for both", find: "settings.family === \"IPv4\" ? [\"A\"] :", replace: "" },
    { name: "Connect: A is asked for first", find: "[\"AAAA\", \"A\"]", replace: "[\"A\", \"AAAA\"]" }
  ]
}

export const candidates: Mutated = {
  file: "packages/core/src/internal/candidates.ts",
  tests,
  mutants: [
    {
      name: "candidates: the order is made once",
      find: "if (this.from !== answers)",
      replace: "if (this.from === undefined)"
    },
    {
      name: "candidates: the order is made anew each time",
      find: "if (this.from !== answers)",
      replace: "if (true)",
      survives: "The same answers give the same order: to remember it saves cost."
    },
    { name: "candidates: a path is an address", find: "if (at._tag === \"UnixPath\")", replace: "if (false)" },
    {
      name: "candidates: a list of addresses is sorted",
      find: "? at.addresses\n",
      replace:
        "? this.sorted(at.addresses.map(({ address }) => address)).map((one, index) => ({ ...at.addresses[index], address: one.address }))\n"
    },
    {
      name: "candidates: every family is wanted",
      find: ".filter(({ address }) => this.isWanted(address))",
      replace: ""
    },
    {
      name: "candidates: no family is wanted where none is said",
      find: "this.settings.family === undefined || ",
      replace: ""
    },
    { name: "candidates: addresses without ports are none", find: "ports.length === 0\n", replace: "false\n" },
    { name: "candidates: an endpoint is a candidate twice", find: "[...new Set(out)]", replace: "out" },
    {
      name: "candidates: names are not sorted",
      find: "AddressSelection.sort(addresses, { address: (address) => address, source: this.sources.peek })",
      replace: "addresses"
    },
    {
      name: "candidates: sources are not asked",
      find: "source: this.sources.peek",
      replace: "source: () => ({ _tag: \"Unknown\" })"
    },
    {
      name: "candidates: families do not take turns",
      find: "Order.interleave(sorted, {",
      replace: "((list) => list)(sorted, {"
    },
    {
      name: "candidates: the port order is not an option",
      find: "this.settings.portOrder,",
      replace: "\"portMajor\","
    },
    { name: "candidates: an address has no port of its own", find: "at.port ?? port.number", replace: "port.number" },
    { name: "candidates: a zone is lost", find: "scopeId === 0\n", replace: "true\n" },
    {
      name: "candidates: an address without a zone is read anew",
      find: "scopeId === 0\n",
      replace: "false\n",
      survives: "Both ways make the same address: the short one saves its cost."
    },
    {
      name: "candidates: an address is looked up each time",
      find: "if (known !== undefined && at.port === undefined) return known",
      replace: "",
      survives: "The endpoint is found by its text as well: to know it by its address saves cost."
    },
    {
      name: "candidates: an address has one port of its own",
      find: "known !== undefined && at.port === undefined",
      replace: "known !== undefined"
    },
    {
      name: "candidates: an endpoint is made each time",
      find: "this.made.set(key, candidate)",
      replace: "",
      tests: [guards]
    },
    {
      name: "candidates: a port's TLS is ignored",
      find: "(port.tls ?? this.settings.tls)",
      replace: "(this.settings.tls)"
    },
    { name: "candidates: the options' TLS is ignored", find: "(port.tls ?? this.settings.tls)", replace: "(port.tls)" },
    {
      name: "candidates: plain is not absent",
      find: "(port.tls ?? this.settings.tls) || undefined",
      replace: "port.tls ?? this.settings.tls"
    },
    { name: "candidates: the name is lost", find: "at._tag === \"Name\" ? at.name : undefined", replace: "undefined" },
    { name: "candidates: the payload is lost", find: "payload: port.payload", replace: "payload: undefined" }
  ]
}

export const resolution: Mutated = {
  file: "packages/core/src/internal/resolution.ts",
  tests: ["packages/core/test/Service.test.ts", guards, "packages/core/test/HappyEyeballs.test.ts"],
  mutants: [
    { name: "resolution: a lookup has half a second", find: "const drainMs = 1000", replace: "const drainMs = 500" },
    { name: "resolution: a refresh is forgotten", find: "this.refreshed = true", replace: "", tests: [guards] },
    {
      name: "resolution: answers stay ended when asked anew",
      find: "this.answers = Answers.reopen(this.answers)",
      replace: ""
    },
    {
      name: "resolution: a refresh may come from a cache",
      find: "{ ...this.query, refresh: true }",
      replace: "this.query"
    },
    {
      name: "resolution: what has not begun cannot be drained",
      find: "fiber === undefined || fiber.pollUnsafe()",
      replace: "fiber.pollUnsafe()"
    },
    {
      name: "resolution: what has ended is drained",
      find: " || fiber.pollUnsafe() !== undefined) return",
      replace: ") return",
      survives: "To drain what has ended ends at once: the short way saves a fiber."
    },
    {
      name: "resolution: a lookup goes on for ever",
      find: "Effect.timeoutOption(Fiber.await(fiber), drainMs)",
      replace: "Fiber.await(fiber)"
    },
    {
      name: "resolution: a lookup ends with its connect",
      find: "Effect.timeoutOption(Fiber.await(fiber), drainMs)",
      replace: "Effect.void"
    },
    { name: "resolution: a lookup is not ended", find: ", Fiber.interrupt(fiber))", replace: ", Effect.void)" },
    {
      name: "resolution: the background clock is not used",
      find: "backgroundClock === undefined ? draining :",
      replace: "true ? draining :"
    },
    {
      name: "resolution: an endless answer is heard",
      find: "Stream.take(this.lookups.resolver.resolve(query), maxAnswers)",
      replace: "this.lookups.resolver.resolve(query)",
      tests: [guards]
    },
    {
      name: "resolution: sources are not learned",
      find: "sources.fill(answer._tag === \"Addresses\" ? answer.addresses : [])",
      replace: "Effect.void"
    },
    {
      name: "resolution: the end is not noticed",
      find: "this.fiber.addObserver((exit) => this.over(exit))",
      replace: ""
    },
    {
      name: "resolution: a lookup that ended the connect is not drained",
      find: "if (this.draining) this.drain()",
      replace: "",
      survives: "A race gives way for a turn before it ends what it asks, and by then the lookup is known."
    },
    {
      name: "resolution: a lookup outlives its service",
      find: "if (fiber.pollUnsafe() === undefined) FiberSet.addUnsafe(this.lookups.fibers, fiber)",
      replace: ""
    },
    {
      name: "resolution: an answer is forgotten",
      find: "this.answers = Answers.add(this.answers, answer)",
      replace: ""
    },
    { name: "resolution: an answer is not heard", find: "this.hear(answer)", replace: "" },
    {
      name: "resolution: an answer wakes nobody",
      find: "this.hear(answer)\n    this.wake()",
      replace: "this.hear(answer)"
    },
    { name: "resolution: a bug is not kept", find: "Exit.isFailure(exit) && Exit.hasDies(exit)", replace: "false" },
    {
      name: "resolution: an interruption is a bug",
      find: "Exit.isFailure(exit) && Exit.hasDies(exit)",
      replace: "Exit.isFailure(exit)"
    },
    { name: "resolution: the end is not recorded", find: "this.answers = Answers.end(this.answers)", replace: "" },
    {
      name: "resolution: the end wakes nobody",
      find: "this.answers = Answers.end(this.answers)\n    this.wake()",
      replace: "this.answers = Answers.end(this.answers)"
    }
  ]
}

export const journal: Mutated = {
  file: "packages/core/src/internal/journal.ts",
  tests,
  mutants: [
    { name: "journal: something is said after the end", find: "if (this.over) return", replace: "" },
    { name: "journal: what was said is not kept", find: "this.events.push(full)", replace: "" },
    { name: "journal: what was said is not told", find: "this.publish(full)", replace: "" },
    { name: "journal: the end is not told", find: "this.publish(ended)", replace: "" },
    { name: "journal: times are not since the call", find: " - this.startedAt", replace: "" }
  ]
}

export const happyEyeballs: Mutated = {
  file: "packages/core/src/HappyEyeballs.ts",
  tests: ["packages/core/test/Service.test.ts", "packages/core/test/HappyEyeballs.test.ts", guards, limits],
  mutants: [
    {
      name: "HappyEyeballs: the policy is not used",
      find: "Option.getOrUndefined(Context.getOption(context, AddressPolicy))",
      replace: "undefined",
      tests: policyTests
    },
    {
      name: "HappyEyeballs: two racers are one",
      find: "Layer.fresh(Layer.effect(",
      replace: "((layer) => layer)(Layer.effect(",
      tests: [hostile]
    },
    {
      name: "HappyEyeballs: the limit of open attempts is not an option",
      find: "new Permits(layerSettings.maxOpenAttempts)",
      replace: "new Permits(512)"
    },
    {
      name: "HappyEyeballs: a second reader takes the events of the first",
      find: "if (hub !== undefined) return",
      replace: "if (false) return"
    },
    { name: "HappyEyeballs: events go on after the service", find: "PubSub.shutdown(made)", replace: "Effect.void" },
    {
      name: "HappyEyeballs: the options around a call are ignored",
      find: "ConnectOptions.merge(layerOptions, ambient)",
      replace: "layerOptions"
    },
    {
      name: "HappyEyeballs: the layer's options are ignored",
      find: "ConnectOptions.merge(layerOptions, ambient)",
      replace: "ambient"
    },
    {
      name: "HappyEyeballs: the options around a call go over the call's",
      find: "ConnectOptions.merge(merged, call)",
      replace: "ConnectOptions.merge(call, merged)"
    },
    {
      name: "HappyEyeballs: a bad target is not refused",
      find: "if (Result.isFailure(parsed)) return fail(parsed.failure)",
      replace: ""
    },
    {
      name: "HappyEyeballs: bad options are not refused",
      find: "if (Result.isFailure(settings)) return fail(settings.failure)",
      replace: "if (Result.isFailure(settings)) settings.success = layerSettings"
    },
    {
      name: "HappyEyeballs: clear text beside TLS is not refused",
      find: "if (mixed !== undefined) return fail(mixed)",
      replace: ""
    },
    {
      name: "HappyEyeballs: the hand-over can be interrupted",
      find: "Effect.uninterruptibleMask((restore) =>",
      replace: "((body) => Effect.suspend(() => body((effect) => effect)))((restore) =>"
    },
    {
      name: "HappyEyeballs: the caller cannot interrupt",
      find: "return restore(Scope.provide(",
      replace: "return (Scope.provide("
    },
    {
      name: "HappyEyeballs: the caller's scope does not close a connection",
      find: "Scope.forkUnsafe(Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope))",
      replace: "Scope.makeUnsafe()"
    },
    {
      name: "HappyEyeballs: a failed connect leaves its scope open",
      find: "Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(open, exit)),",
      replace: ""
    },
    {
      name: "HappyEyeballs: a connection that ends stays in the caller's scope",
      find: "const closing = Scope.closeUnsafe(open, Exit.void)",
      replace: "const closing = undefined"
    },
    {
      name: "HappyEyeballs: what was opened for a connection that ends stays open",
      find: "if (closing !== undefined) Effect.runFork(closing)",
      replace: ""
    },
    {
      name: "HappyEyeballs: a limit that passed is a failure of every attempt",
      find: "failure.error === \"timedOut\"",
      replace: "false"
    },
    { name: "HappyEyeballs: a bug is an interruption", find: "Cause.hasDies(cause)\n", replace: "false\n" },
    {
      name: "HappyEyeballs: allowing clear text is not an option",
      find: "if (settings.allowInsecure) return undefined",
      replace: ""
    },
    {
      name: "HappyEyeballs: a port's TLS does not count as TLS",
      find: "filter((port) => port.tls ?? settings.tls)",
      replace: "filter(() => settings.tls)"
    },
    {
      name: "HappyEyeballs: the options' TLS does not count as TLS",
      find: "filter((port) => port.tls ?? settings.tls)",
      replace: "filter((port) => port.tls)"
    },
    { name: "HappyEyeballs: a port that upgrades is clear text", find: " && !port.secure)", replace: ")" },
    {
      name: "HappyEyeballs: TLS alone is refused",
      find: "secured.length === 0 || plain.length === 0",
      replace: "secured.length === 0"
    },
    {
      name: "HappyEyeballs: clear text alone is refused",
      find: "secured.length === 0 || plain.length === 0",
      replace: "plain.length === 0"
    }
  ]
}
