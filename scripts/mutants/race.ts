import type { Mutated } from "./mutant.ts"

const guards = "packages/core/test/Guards.test.ts"

const tests = ["packages/core/test/Race.test.ts", guards]

const connectTests = [
  "packages/core/test/HappyEyeballs.test.ts",
  "packages/core/test/LimitGuards.test.ts",
  "packages/core/test/ConnectGuards.test.ts",
  "packages/core/test/Service.test.ts"
]

export const staggered: Mutated = {
  file: "packages/core/src/Race.ts",
  tests,
  mutants: [
    { name: "Race: the message of an empty failure is empty", find: "this.failures.length === 0", replace: "false" },
    {
      name: "Race: the message does not read errors",
      find: "error instanceof Error ? error.message : String(error)",
      replace: "\"\""
    },
    {
      name: "Race: there is a cap without being asked for",
      find: "options.maxInFlight ?? Infinity",
      replace: "options.maxInFlight ?? 1"
    },
    { name: "Race: a cap of 0 is a cap", find: "limit >= 1 ? limit : 1", replace: "limit" },
    {
      name: "Race: a cap that is no number is a cap",
      find: "limit >= 1 ? limit : 1",
      replace: "Math.max(1, limit)",
      tests: ["packages/core/test/Hostile.test.ts"]
    },
    {
      name: "Race: one delay for every candidate",
      find:
        "delayAfter: typeof delay === \"function\" ? (candidate) => Duration.toMillis(delay(candidate)) : () => fixed",
      replace: "delayAfter: () => fixed"
    },
    {
      name: "Race: the failures are not told",
      find: "error instanceof internal.NoneWon ? new AllFailed<T, E>(error) : error",
      replace: "error"
    },
    { name: "Race: a stream gives one element of each chunk", find: "index < chunk.length", replace: "false" },
    { name: "Race: a stream gives the first of a chunk twice", find: "index = 1", replace: "index = 0" },
    { name: "Race: an answer of a Pull is not heard", find: "          wake()\n        })", replace: "        })" },
    {
      name: "Race: a Pull is asked twice at once",
      find: "if (asking === undefined && answer === undefined) {",
      replace: "if (answer === undefined) {"
    },
    {
      name: "Race: a Pull is asked before its answer is taken",
      find: "if (asking === undefined && answer === undefined) {",
      replace: "if (asking === undefined) {"
    },
    { name: "Race: a Pull that has answered is still asked", find: "          asking = undefined\n", replace: "" },
    { name: "Race: a question is left open", find: "pending: () => asking,", replace: "" },
    { name: "Race: the end of a Pull is a failure", find: ": Pull.isDoneCause(exit.cause)\n", replace: ": false\n" },
    { name: "Race: a failure of a Pull is its end", find: ": Pull.isDoneCause(exit.cause)\n", replace: ": true\n" },
    { name: "Race: an answer is taken twice", find: "      answer = undefined\n", replace: "", tests: [guards] }
  ]
}

export const race: Mutated = {
  file: "packages/core/src/internal/race.ts",
  tests,
  mutants: [
    {
      name: "race: an attempt may not have failed",
      find: "error === undefined ? [] : [{ candidate, error: error.value }]",
      replace: "[{ candidate, error: error.value }]",
      survives: "A race ends so only after each attempt has failed; the question is for the types."
    },
    {
      name: "race: the hand-over can be interrupted",
      find: "Effect.uninterruptibleMask((restore) =>",
      replace: "((body) => Effect.suspend(() => body((effect) => effect)))((restore) =>",
      survives:
        "Effect.onExit runs `release` however the race ends and without interruption, and nothing is open before that."
    },
    { name: "race: the caller cannot interrupt", find: "restore(Effect.callback", replace: "(Effect.callback" },
    {
      name: "race: goes on after it has ended",
      find: "        settled = true\n        resume(exit)",
      replace: "        resume(exit)"
    },
    { name: "race: failures recurse", find: "if (pumping || settled) return", replace: "if (settled) return" },
    {
      name: "race: starts attempts after the end of the whole",
      find: "if (now() >= deadline) return settle(Exit.fail(options.deadline!.error))\n        pumping",
      replace: "pumping",
      tests: connectTests
    },
    {
      name: "race: is woken after its end",
      find: "if (pumping || settled) return",
      replace: "if (pumping) return",
      survives: "The loop, and what follows it, look for the end themselves."
    },
    { name: "race: the time of an earlier answer is kept", find: "        waitUntil = Infinity\n", replace: "" },
    {
      name: "race: failures without end keep everybody from running",
      find: "if (turns++ === turnsBeforeYield) {",
      replace: "if (false) {",
      tests: ["packages/core/test/Hostile.test.ts"]
    },
    { name: "race: the delay is ignored", find: "while (due && !settled", replace: "while (!settled" },
    { name: "race: asks on after its end", find: "while (due && !settled &&", replace: "while (due &&" },
    {
      name: "race: asks on after the last candidate",
      find: "&& !exhausted && inFlight",
      replace: "&& inFlight",
      tests: [guards]
    },
    { name: "race: the cap is ignored", find: " && inFlight.size < maxInFlight", replace: "" },
    { name: "race: starts what it was given after its end", find: "if (settled) break", replace: "" },
    { name: "race: the end of the candidates is not noticed", find: "exhausted = true", replace: "break" },
    {
      name: "race: a failure of the candidates is not noticed",
      find: "settle(Exit.failCause(next.cause))",
      replace: "break"
    },
    { name: "race: a wait has no end", find: "waitUntil = next.until", replace: "", tests: connectTests },
    { name: "race: a wake while it asks is lost", find: "else if (!woken) {", replace: "else {", tests: connectTests },
    { name: "race: a wake is not noticed", find: "        woken = true\n", replace: "", tests: connectTests },
    { name: "race: a throw of the source is not noticed", find: "settle(Exit.die(defect))", replace: "" },
    {
      name: "race: fails after it has ended",
      find: "pumping = false\n        if (settled) return",
      replace: "pumping = false"
    },
    {
      name: "race: fails while candidates may come",
      find: "if (exhausted && inFlight.size === 0)",
      replace: "if (inFlight.size === 0)"
    },
    {
      name: "race: fails while an attempt runs",
      find: "if (exhausted && inFlight.size === 0)",
      replace: "if (exhausted)"
    },
    {
      name: "race: attempts are not in the caller's scope",
      find: "Scope.forkUnsafe(outer)",
      replace: "Scope.makeUnsafe()"
    },
    {
      name: "race: an attempt has no limit",
      find: "expiresAt: at + (options.attemptTimeout?.ms ?? Infinity)",
      replace: "expiresAt: Infinity",
      tests: connectTests
    },
    { name: "race: attempts in flight are not counted", find: "inFlight.add(current)", replace: "" },
    { name: "race: a start is not followed by a delay", find: "        due = false\n", replace: "" },
    {
      name: "race: a throw of the attempt function escapes",
      find: "Effect.suspend(() => options.attempt(candidate, current, race))",
      replace: "options.attempt(candidate, current, race)",
      tests: connectTests
    },
    {
      name: "race: a failed attempt is not closed",
      find: "(exit) => Exit.isSuccess(exit) ? Effect.void : Scope.closeUnsafe(scope, exit) ?? Effect.void",
      replace: "() => Effect.void"
    },
    {
      name: "race: a won attempt is closed",
      find: "(exit) => Exit.isSuccess(exit) ? Effect.void : Scope.closeUnsafe",
      replace: "(exit) => Scope.closeUnsafe"
    },
    {
      name: "race: a delay runs after an attempt that failed while it started",
      find: "if (!due) dueAt =",
      replace: "dueAt =",
      survives: "Nobody reads when the next start is due while one is due already: not to ask for the delay saves cost."
    },
    {
      name: "race: an attempt cannot stop its time",
      find: "          attempt.expiresAt = Infinity\n",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: an attempt does not get its time again",
      find: "          attempt.expiresAt = now() + (options.attemptTimeout?.ms ?? Infinity)\n",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: an attempt gets its time again after the end",
      find: "          if (settled) return\n          attempt.expiresAt",
      replace: "          attempt.expiresAt",
      tests: [guards]
    },
    {
      name: "race: no timer for an attempt that got its time again",
      find: "          attempt.expiresAt = now() + (options.attemptTimeout?.ms ?? Infinity)\n          setTimer()",
      replace: "          attempt.expiresAt = now() + (options.attemptTimeout?.ms ?? Infinity)",
      tests: connectTests
    },
    {
      name: "race: no timer for the end of the whole",
      find: "Math.min(deadline, due ? waitUntil : dueAt)",
      replace: "due ? waitUntil : dueAt",
      tests: connectTests
    },
    {
      name: "race: no timer for the next start",
      find: "Math.min(deadline, due ? waitUntil : dueAt)",
      replace: "Math.min(deadline, waitUntil)"
    },
    {
      name: "race: no timer for what is waited for",
      find: "Math.min(deadline, due ? waitUntil : dueAt)",
      replace: "Math.min(deadline, dueAt)",
      tests: connectTests
    },
    {
      name: "race: no timer for the end of an attempt",
      find: "for (const { expiresAt } of inFlight) at = Math.min(at, expiresAt)",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: a timer for never",
      find: "at === Infinity || (timer",
      replace: "(timer",
      survives: "A clock that sleeps for ever sets no timer: not to ask it saves a fiber."
    },
    {
      name: "race: a timer that is too late is kept",
      find: "timer !== undefined && timerAt <= at",
      replace: "timer !== undefined"
    },
    {
      name: "race: a timer that is early enough is set anew",
      find: " || (timer !== undefined && timerAt <= at)",
      replace: "",
      survives: "The same timer is set again: to keep it saves its cost."
    },
    {
      name: "race: a timer is set beside another",
      find: "        stopTimer()\n        timerAt = at",
      replace: "        timerAt = at"
    },
    {
      name: "race: a timer that was replaced goes off",
      find: "timer !== current || Exit.isFailure(exit)",
      replace: "Exit.isFailure(exit)",
      survives: "It was also interrupted, and then nothing follows from its end."
    },
    {
      name: "race: a timer that was stopped goes off",
      find: "timer !== current || Exit.isFailure(exit)",
      replace: "timer !== current",
      survives: "It is also not the timer any more, and then nothing follows from its end."
    },
    {
      name: "race: a timer that has gone off is kept",
      find: "          timer = undefined\n          onTime()",
      replace: "          onTime()"
    },
    { name: "race: a timer is not stopped", find: "current?.interruptUnsafe()", replace: "" },
    {
      name: "race: a timer that is stopped goes off",
      find: "        timer = undefined\n        current?.interruptUnsafe()",
      replace: "        current?.interruptUnsafe()",
      survives: "It was also interrupted, and then nothing follows from its end."
    },
    {
      name: "race: the end of the whole is not noticed",
      find: "if (at >= deadline) return settle(Exit.fail(options.deadline!.error))",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: every attempt ends with the first",
      find: "if (at < one.expiresAt) continue",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: an attempt ends twice",
      find: "          one.expiresAt = Infinity\n",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: an attempt that ended is interrupted",
      find: "one.expired = true",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: the end of an attempt's time is not told it",
      find: "one.fiber?.interruptUnsafe()",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: any timer starts the next attempt",
      find: "if (at >= dueAt) due = true",
      replace: "due = true",
      tests: connectTests
    },
    { name: "race: no timer starts the next attempt", find: "if (at >= dueAt) due = true", replace: "" },
    { name: "race: attempts that have ended count as running", find: "inFlight.delete(current)", replace: "" },
    {
      name: "race: an attempt that ended well has expired",
      find: "current.expired && Exit.isFailure(ended) &&",
      replace: "current.expired &&",
      tests: connectTests,
      survives: "An attempt that was interrupted does not end well any more."
    },
    {
      name: "race: a bug at the end of an attempt's time is hidden",
      find: " && !Exit.hasDies(ended)",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: the end of an attempt is not heard",
      find: "options.onEnd?.(current, exit)",
      replace: "",
      tests: connectTests
    },
    {
      name: "race: an attempt that ends after the race takes part",
      find: "if (settled) return\n        if (Exit.isSuccess(exit)) {",
      replace: "if (Exit.isSuccess(exit)) {",
      survives: "Everything that follows looks for the end itself."
    },
    { name: "race: the winner is forgotten", find: "winner = current", replace: "" },
    {
      name: "race: an attempt that interrupts itself has failed",
      find: "failure === undefined || exit",
      replace: "exit"
    },
    {
      name: "race: a defect beside a failure is hidden",
      find: " || exit.cause.reasons.some(Cause.isDieReason)",
      replace: ""
    },
    {
      name: "race: any failure starts the next attempt",
      find: "current.number === attempts.length - 1",
      replace: "true"
    },
    {
      name: "race: no failure starts the next attempt",
      find: "current.number === attempts.length - 1",
      replace: "false"
    },
    {
      name: "race: a failure is not followed by anything",
      find: "due = true\n        pump()\n      }\n\n      const release",
      replace: "due = true\n      }\n\n      const release"
    },
    {
      name: "race: starts attempts while it closes the others",
      find: "settled = true\n        stopTimer()",
      replace: "stopTimer()"
    },
    {
      name: "race: a timer runs on after the end",
      find: "settled = true\n        stopTimer()",
      replace: "settled = true"
    },
    {
      name: "race: an interrupted caller keeps a winner",
      find: "Exit.isSuccess(exit) ? winner : undefined",
      replace: "winner"
    },
    {
      name: "race: losers are not closed",
      find: "kept !== undefined && attempts.length === 1 &&",
      replace: "kept !== undefined &&"
    },
    {
      name: "race: a single attempt is not closed",
      find: "kept !== undefined && attempts.length === 1 &&",
      replace: "attempts.length === 1 &&"
    },
    {
      name: "race: a question is left open beside a single winner",
      find: " && options.pending?.() === undefined) return Effect.void",
      replace: ") return Effect.void"
    },
    {
      name: "race: a single winner does not go the short way",
      find: "if (kept !== undefined && attempts.length === 1 && options.pending?.() === undefined) return Effect.void",
      replace: "",
      survives: "To close no loser and no question does nothing: the short way saves its cost."
    },
    {
      name: "race: what is asked when it ends is left open",
      find: "close(attempts, kept, options.pending?.())",
      replace: "close(attempts, kept, undefined)"
    },
    {
      name: "race: closing does not wait for what is still starting",
      find: "return pumping ? Effect.andThen(Effect.yieldNow, closing) : closing",
      replace: "return closing"
    },
    { name: "race: nobody can wake it", find: "options.onWake(pump)", replace: "" },
    {
      name: "race: the winner is closed with the losers",
      find: "attempts.filter((one) => one !== kept)",
      replace: "attempts"
    },
    { name: "race: a question is not interrupted", find: "[pending, ...losers", replace: "[...losers" },
    {
      name: "race: what has ended is interrupted",
      find: "fiber !== undefined && fiber.pollUnsafe() === undefined",
      replace: "fiber !== undefined",
      survives: "To interrupt what has ended does nothing: to leave it out saves cost."
    },
    {
      name: "race: what runs is not interrupted",
      find: "if (fibers.length > 0) yield* Fiber.interruptAll(fibers)",
      replace: ""
    },
    {
      name: "race: the second of two winners stays open",
      find: "if (closing !== undefined) yield* closing",
      replace: ""
    },
    {
      name: "race: a loser is closed as the race ended",
      find: "Scope.closeUnsafe(scope, lost)",
      replace: "Scope.closeUnsafe(scope, Exit.void)"
    },
    {
      name: "race: a loser that breaks is hidden",
      find: "if (kept !== undefined && bugs.length > 0)",
      replace: "if (false)"
    },
    {
      name: "race: a race without a winner closes one",
      find: "if (kept !== undefined && bugs.length > 0)",
      replace: "if (bugs.length > 0)"
    },
    {
      name: "race: the winner stays open beside a loser that breaks",
      find: "yield* Scope.close(kept.scope, Exit.failCause(cause))",
      replace: ""
    },
    {
      name: "race: a loser that was interrupted is a bug",
      find: "ended.cause.reasons.filter(Cause.isDieReason)",
      replace: "ended.cause.reasons"
    },
    {
      name: "race: a fiber may not have ended",
      find: "ended !== undefined && Exit.isFailure(ended)",
      replace: "Exit.isFailure(ended)",
      survives: "Every fiber has ended after interruptAll; the question is for the types."
    }
  ]
}

export const permits: Mutated = {
  file: "packages/core/src/internal/permits.ts",
  tests: [
    "packages/core/test/Service.test.ts",
    "packages/core/test/LimitGuards.test.ts",
    "packages/core/test/HappyEyeballs.test.ts"
  ],
  mutants: [
    {
      name: "permits: there is no limit",
      find: "this.free > 0 && this.queue.size === 0",
      replace: "this.queue.size === 0"
    },
    {
      name: "permits: who asks goes before who waits",
      find: "this.free > 0 && this.queue.size === 0",
      replace: "this.free > 0"
    },
    {
      name: "permits: a permit that is taken is not counted",
      find: "if (ticket.granted) this.free--\n    else",
      replace: "if (!ticket.granted)"
    },
    { name: "permits: nobody waits", find: "else this.queue.add(ticket)", replace: "" },
    { name: "permits: who waits gives a permit back", find: "if (!ticket.granted) {", replace: "if (false) {" },
    { name: "permits: who gave up still waits", find: "this.queue.delete(ticket)", replace: "" },
    {
      name: "permits: a ticket may be given back twice",
      find: "    ticket.granted = false\n",
      replace: "",
      survives: "Each ticket is given back once."
    },
    { name: "permits: a permit that is given back is lost", find: "this.free++", replace: "" },
    { name: "permits: nobody gets a permit that is given back", find: "    this.grant()\n", replace: "" },
    { name: "permits: granting recurses", find: "if (this.granting) return", replace: "" },
    { name: "permits: everybody who waits gets a permit", find: "if (this.free === 0) break", replace: "" },
    { name: "permits: who got a permit waits on", find: "this.queue.delete(next)", replace: "" },
    {
      name: "permits: a permit that is granted is not counted",
      find: "      this.free--\n      next",
      replace: "      next"
    },
    { name: "permits: who is next gets no permit", find: "next.granted = true", replace: "" },
    { name: "permits: who is next is not told", find: "next.wake()", replace: "" },
    { name: "permits: grants once", find: "    this.granting = false\n  }", replace: "  }" }
  ]
}
