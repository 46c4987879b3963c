/**
 * @since 0.1.0
 */
export * as NodeDialer from "./NodeDialer.ts"
export * as NodeHappyEyeballs from "./NodeHappyEyeballs.ts"
export { HappyEyeballsLive } from "./NodeHappyEyeballs.ts"
export * as NodeResolver from "./NodeResolver.ts"
export * as NodeScopeIds from "./NodeScopeIds.ts"
export * as NodeSourceAddress from "./NodeSourceAddress.ts"
