// Writes a line to standard error when the first connection attempt has begun.
import * as DiagnosticsChannel from "node:diagnostics_channel"

DiagnosticsChannel.subscribe("net.client.socket", () => {
  setImmediate(() => process.stderr.write("connecting\n"))
})
