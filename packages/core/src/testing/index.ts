/**
 * @since 0.1.0
 */
export * as ConnectResult from "./ConnectResult.ts"
export * as Scenario from "./Scenario.ts"
export * as SimulatedNetwork from "./SimulatedNetwork.ts"
export * as SimulatedServer from "./SimulatedServer.ts"
export * as VirtualTime from "./VirtualTime.ts"
export * as World from "./World.ts"
