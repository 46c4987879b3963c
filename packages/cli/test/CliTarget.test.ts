import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as CliTarget from "../src/CliTarget.ts"

describe("CliTarget.fromArguments", () => {
  it.each([
    ["a name with ports", "example.com", ["443", "80/tcp"], { host: "example.com", ports: ["443", "80/tcp"] }],
    ["a literal address", "2001:db8::1", ["https"], { host: "2001:db8::1", ports: ["https"] }],
    ["addresses with commas", "::1, 192.0.2.1", ["443"], { addresses: ["::1", "192.0.2.1"], ports: ["443"] }],
    ["HOST:PORT", "example.com:443", ["-"], "example.com:443"],
    ["a list of HOST:PORT", "[::1]:443,192.0.2.1:80", ["-"], ["[::1]:443", "192.0.2.1:80"]],
    ["a path without a port", "unix:/run/app.sock", [], "unix:/run/app.sock"],
    ["an empty host, for the core to refuse", "", ["443"], { host: "", ports: ["443"] }],
    ["no ports, for the core to refuse", "example.com", [], { host: "example.com", ports: [] }]
  ])(
    "reads %s",
    (_, host, ports, expected) =>
      assert.deepStrictEqual(CliTarget.fromArguments(host, ports), Result.succeed(expected as never))
  )

  it.each([
    ["- beside another port", "example.com:443", ["-", "80"], /stands alone/],
    ["a port beside a path", "unix:/run/app.sock", ["80"], /takes no port/]
  ])("refuses %s", (_, host, ports, message) => {
    const result = CliTarget.fromArguments(host, ports)
    assert.match(Result.isFailure(result) ? result.failure : "", message)
  })

  it("says how to take the port from HOST:PORT where that was meant", () => {
    assert.deepStrictEqual(
      CliTarget.fromArguments("localhost:8080", []),
      Result.fail("no ports: give them apart, or write \"localhost:8080 -\" to take the port from HOST:PORT")
    )
  })
})
