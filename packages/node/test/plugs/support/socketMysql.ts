/**
 * As much of a MySQL server as a client needs to log in and ask: it lets
 * everybody in, upgrades to TLS, and answers every query with its own text.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Servers from "../../fixtures/Servers.ts"

// From the protocol's capability flags: long password, connect with a database, protocol 4.1, TLS, transactions, the
// form of the password, and plugins of authentication.
const capabilities = 0x1 | 0x8 | 0x200 | 0x800 | 0x2000 | 0x8000 | 0x80000
const wantsTls = 0x800

const u16 = (value: number) => Buffer.of(value & 0xff, value >> 8)

const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  const length = bytes.length < 0xfb
    ? Buffer.of(bytes.length)
    : Buffer.of(0xfd, bytes.length & 0xff, bytes.length >> 8 & 0xff, bytes.length >> 16)
  return Buffer.concat([length, bytes])
}

const greeting = Buffer.concat([
  Buffer.from("\x0a8.0.0\0"),
  Buffer.of(1, 0, 0, 0),
  Buffer.from("01234567\0"),
  u16(capabilities & 0xffff),
  Buffer.of(33),
  u16(2),
  u16(capabilities >> 16),
  Buffer.of(21),
  Buffer.alloc(10),
  Buffer.from("890123456789\0mysql_native_password\0")
])

const ok = Buffer.of(0, 0, 0, 2, 0, 0, 0)
const endOfRows = Buffer.of(0xfe, 0, 0, 2, 0)
const column = Buffer.concat([
  ...["def", "", "", "", "value", ""].map(text),
  Buffer.of(0x0c, 33, 0, 0xff, 0xff, 0xff, 0, 0xfd, 0, 0, 0, 0, 0)
])

const serve = (socket: Net.Socket): void => {
  const send = (sequence: number, ...packets: ReadonlyArray<Buffer>) => {
    packets.forEach((packet, index) => {
      const { length } = packet
      socket.write(
        Buffer.concat([Buffer.of(length & 0xff, length >> 8 & 0xff, length >> 16, sequence + index), packet])
      )
    })
  }
  let answer = (packet: Buffer, sequence: number): void => {
    if (packet.length === 32 && (packet.readUInt32LE(0) & wantsTls) !== 0) {
      socket.off("data", hear).pause()
      // The first words of the handshake may have come along.
      if (pending.length > 0) socket.unshift(pending)
      pending = Buffer.alloc(0)
      socket = new Tls.TLSSocket(socket, { ...Certificates.server, isServer: true }).on("error", () => {})
      socket.on("data", hear)
      return
    }
    send(sequence + 1, ok)
    answer = command
  }
  const command = (packet: Buffer): void => {
    switch (packet[0]) {
      case 1: // COM_QUIT
        socket.end()
        break
      case 3: // COM_QUERY
        send(1, Buffer.of(1), column, endOfRows, text(packet.subarray(1)), endOfRows)
        break
      default:
        send(1, ok)
    }
  }
  let pending = Buffer.alloc(0)
  const hear = (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 4 && pending.length >= 4 + pending.readUIntLE(0, 3)) {
      const end = 4 + pending.readUIntLE(0, 3)
      const [packet, sequence] = [pending.subarray(4, end), pending[3]!]
      pending = pending.subarray(end)
      answer(packet, sequence)
    }
  }
  socket.on("data", hear)
  send(0, greeting)
}

export const make = (place: Servers.Place): Effect.Effect<Servers.Server, never, Scope.Scope> =>
  Servers.tcp(serve, place)
