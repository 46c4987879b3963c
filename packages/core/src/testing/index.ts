/**
 * @since 0.1.0
 */
export * as SimulatedNetwork from "./SimulatedNetwork.ts"
export * as SimulatedServer from "./SimulatedServer.ts"
export * as VirtualTime from "./VirtualTime.ts"
export * as World from "./World.ts"
