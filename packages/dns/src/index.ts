export * as Edns from "./Edns.ts"
export * as Message from "./Message.ts"
export * as RecordType from "./RecordType.ts"
export * as Wire from "./Wire.ts"
