/**
 * @since 0.1.0
 */
export * as NodeByteStreams from "./dns/NodeByteStreams.ts"
export * as NodeDatagrams from "./dns/NodeDatagrams.ts"
export * as NodeNameServer from "./dns/NodeNameServer.ts"
export * as NodeStubResolver from "./dns/NodeStubResolver.ts"
export * as NodeSystemFiles from "./dns/NodeSystemFiles.ts"
export * as NodeSystemResolver from "./dns/NodeSystemResolver.ts"
export * as NodeDialer from "./NodeDialer.ts"
export * as NodeHappyEyeballs from "./NodeHappyEyeballs.ts"
export { HappyEyeballsLive } from "./NodeHappyEyeballs.ts"
export * as NodeLazySocket from "./NodeLazySocket.ts"
export * as NodeMail from "./NodeMail.ts"
export * as NodeResolver from "./NodeResolver.ts"
export * as NodeScopeIds from "./NodeScopeIds.ts"
export * as NodeServiceNames from "./NodeServiceNames.ts"
export * as NodeSourceAddress from "./NodeSourceAddress.ts"
