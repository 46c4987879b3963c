import type { Mutated } from "./mutant.ts"

export const order: Mutated = {
  file: "packages/core/src/Order.ts",
  tests: ["packages/core/test/Order.test.ts", "packages/core/test/Guards.test.ts"],
  mutants: [
    { name: "Order: nothing has a family", find: "if (head === undefined) return addresses", replace: "" },
    {
      name: "Order: one family is interleaved",
      find: "if (same.length === addresses.length) return addresses",
      replace: "",
      survives: "With nothing of the other family the loop gives the same list: the short way saves its cost."
    },
    {
      name: "Order: the first family is not that of the first address",
      find: "const first = options.familyOf(head)",
      replace: "const first = \"IPv6\""
    },
    {
      name: "Order: the count is larger than the family",
      find: "Math.min(options.firstAddressFamilyCount, same.length)",
      replace: "options.firstAddressFamilyCount",
      survives: "Past the end of the first family the loop adds nothing, so that a larger count changes nothing."
    },
    { name: "Order: the count is ignored", find: "options.firstAddressFamilyCount, same", replace: "1, same" },
    { name: "Order: one more of the first family goes first", find: "same.length) - 1", replace: "same.length)" },
    {
      name: "Order: drops what is left of the first family",
      find: "Math.max(same.length - lead, other.length)",
      replace: "other.length"
    },
    {
      name: "Order: drops what is left of the other family",
      find: "Math.max(same.length - lead, other.length)",
      replace: "same.length - lead"
    },
    { name: "Order: reads past the first family", find: "if (lead + turn < same.length) ", replace: "" },
    { name: "Order: reads past the other family", find: "if (turn < other.length) ", replace: "" },
    { name: "Order: ports before addresses always", find: "portOrder === \"addressMajor\"", replace: "false" },
    { name: "Order: addresses before ports always", find: "portOrder === \"addressMajor\"", replace: "true" }
  ]
}
