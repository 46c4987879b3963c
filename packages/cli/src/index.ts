/**
 * @since 0.1.0
 */
export * as Bar from "./Bar.ts"
export * as Cli from "./Cli.ts"
export * as CliDuration from "./CliDuration.ts"
export * as CliTarget from "./CliTarget.ts"
export * as ConnectFlags from "./ConnectFlags.ts"
export * as Ending from "./Ending.ts"
export * as OpenSockets from "./OpenSockets.ts"
export * as Output from "./Output.ts"
export * as ReportText from "./ReportText.ts"
export * as ScenarioFiles from "./ScenarioFiles.ts"
export * as Style from "./Style.ts"
export * as Usage from "./Usage.ts"
export * as Waterfall from "./Waterfall.ts"
