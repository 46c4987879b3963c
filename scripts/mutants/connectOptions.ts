import type { Mutated } from "./mutant.ts"

export const connectOptions: Mutated = {
  file: "packages/core/src/ConnectOptions.ts",
  tests: ["packages/core/test/ConnectOptions.test.ts", "packages/core/test/Guards.test.ts"],
  mutants: [
    {
      name: "ConnectOptions: undefined goes over what was said",
      find: ".filter(([, value]) => value !== undefined)",
      replace: ""
    },
    {
      name: "ConnectOptions: options around are forgotten",
      find: "(current) => merge(current, options)",
      replace: "() => options"
    },
    {
      name: "ConnectOptions: attempts may start within 9 ms",
      find: "const minimumAttemptDelay = 10",
      replace: "const minimumAttemptDelay = 9"
    },
    { name: "ConnectOptions: the last fault is told", find: "failure ??= new", replace: "failure = new" },
    {
      name: "ConnectOptions: adaptive is not a default",
      find: "input === undefined || input === \"adaptive\"",
      replace: "input === undefined"
    },
    {
      name: "ConnectOptions: a duration may be too short, or none",
      find: "if (!(ms >= least)) {",
      replace: "if (false) {"
    },
    { name: "ConnectOptions: a duration may be NaN", find: "if (!(ms >= least)) {", replace: "if (ms < least) {" },
    { name: "ConnectOptions: a count may be 0", find: " || value < 1", replace: "" },
    {
      name: "ConnectOptions: a count may be a fraction",
      find: "!Number.isInteger(value) && value !== Infinity",
      replace: "false"
    },
    { name: "ConnectOptions: a count may not be infinite", find: " && value !== Infinity", replace: "" },
    {
      name: "ConnectOptions: any word is one of them",
      find: "value !== undefined && !allowed.includes(value)",
      replace: "false"
    },
    { name: "ConnectOptions: options may be anything", find: "if (!isOptions(options)) {", replace: "if (false) {" },
    {
      name: "ConnectOptions: odd options are lost in others",
      find: "if (!isOptions(that)) return that\n",
      replace: ""
    },
    { name: "ConnectOptions: others are put over odd ones", find: "if (!isOptions(self)) return self\n", replace: "" },
    {
      name: "ConnectOptions: TLS may be anything",
      find: "typeof options.tls !== \"boolean\" && !Predicate.isObject(options.tls)",
      replace: "false"
    },
    {
      name: "ConnectOptions: mixing may be allowed by anything",
      find: "oneOf(\"allowInsecure\", options.allowInsecure, [true, false])\n",
      replace: ""
    },
    {
      name: "ConnectOptions: a head start may be negative",
      find: "headStart !== undefined && !(headStart >= 0)",
      replace: "false"
    },
    {
      name: "ConnectOptions: the resolution delay may not be 0",
      find: "millis(\"resolutionDelay\", 0)",
      replace: "millis(\"resolutionDelay\", 1)"
    },
    {
      name: "ConnectOptions: an attempt may have no time",
      find: "millis(\"attemptTimeout\", 1)",
      replace: "millis(\"attemptTimeout\", -Infinity)"
    },
    {
      name: "ConnectOptions: the whole may have no time",
      find: "millis(\"timeout\", 1)",
      replace: "millis(\"timeout\", 0)"
    },
    { name: "ConnectOptions: true is not TLS", find: "options.tls === true ? plainTls :", replace: "" },
    { name: "ConnectOptions: false is TLS", find: "options.tls === false ? undefined :", replace: "" },
    { name: "ConnectOptions: faults are not told", find: "return failure === undefined ?", replace: "return true ?" }
  ]
}
