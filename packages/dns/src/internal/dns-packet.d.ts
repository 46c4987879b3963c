// What this package uses of dns-packet, and no more. Its published types name
// Node's `Buffer`, which would let all of Node's types in; at run time what is
// called `PacketBytes` here is the `Buffer` that dns-packet itself was built on.
declare module "dns-packet" {
  interface PacketBytes extends Uint8Array {
    toString(encoding?: "utf8"): string
    readonly constructor: {
      from(buffer: ArrayBufferLike, byteOffset: number, length: number): PacketBytes
    }
  }

  interface Codec {
    decode(bytes: PacketBytes, offset: number): unknown
  }

  interface PacketOption {
    readonly code: number
    readonly data: PacketBytes
  }

  interface Packet {
    readonly type: "query" | "response"
    readonly id: number
    readonly flags: number
    readonly questions: Array<{ readonly type: string; readonly name: string }>
    readonly additionals: Array<{
      readonly type: "OPT"
      readonly name: "."
      readonly udpPayloadSize: number
      readonly options: Array<PacketOption>
    }>
  }

  const packet: {
    readonly encode: (packet: Packet) => PacketBytes
    readonly record: (type: string) => Codec
    readonly name: {
      readonly encode: (name: string) => PacketBytes
      readonly decode: (bytes: PacketBytes, offset: number, options?: { readonly mail: boolean }) => string
    }
  }
  export default packet
}
