/**
 * @since 0.1.0
 */
export * as NodeDialer from "./NodeDialer.ts"
export * as NodeScopeIds from "./NodeScopeIds.ts"
export * as NodeSourceAddress from "./NodeSourceAddress.ts"
