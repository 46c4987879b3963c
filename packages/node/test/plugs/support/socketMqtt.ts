/**
 * As much of an MQTT 3.1.1 broker as one client needs: it lets everybody in,
 * and sends each message back to whoever published it.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Servers from "../../fixtures/Servers.ts"

const connect = 1
const publish = 3
const subscribe = 8
const ping = 12
const disconnect = 14

/** Where the body of the first packet begins and ends, once its length is there. */
const frame = (bytes: Buffer): readonly [start: number, end: number] | undefined => {
  let length = 0
  for (let at = 1; at < bytes.length && at <= 4; at++) {
    length += (bytes[at]! & 0x7f) << (7 * (at - 1))
    if (bytes[at]! < 0x80) return [at + 1, at + 1 + length]
  }
  return undefined
}

const serve = (socket: Net.Socket): void => {
  const answer = (packet: Buffer, start: number): void => {
    switch (packet[0]! >> 4) {
      case connect:
        socket.write(Buffer.of(0x20, 2, 0, 0))
        break
      case publish:
        socket.write(packet)
        break
      case subscribe:
        socket.write(Buffer.of(0x90, 3, packet[start]!, packet[start + 1]!, 0))
        break
      case ping:
        socket.write(Buffer.of(0xd0, 0))
        break
      case disconnect:
        socket.end()
    }
  }
  let pending = Buffer.alloc(0)
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    for (let found = frame(pending); found !== undefined && pending.length >= found[1]; found = frame(pending)) {
      const [start, end] = found
      answer(pending.subarray(0, end), start)
      pending = pending.subarray(end)
    }
  })
}

export const make = (place: Servers.Place): Effect.Effect<Servers.Server, never, Scope.Scope> =>
  Servers.tcp(serve, place)

export const makeTls = (place: Servers.Place): Effect.Effect<Servers.Server, never, Scope.Scope> =>
  Servers.tls(serve, Certificates.server, place)
