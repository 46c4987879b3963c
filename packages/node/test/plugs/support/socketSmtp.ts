/**
 * A mail server of the test's own, on one port with TLS from the first byte or
 * with STARTTLS. It writes down what it was told, and how.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Servers from "../../fixtures/Servers.ts"

export interface Options extends Servers.Place {
  readonly implicitTls: boolean
  readonly identity?: Certificates.Identity
  /** Somebody between here and there has taken the offer away. */
  readonly stripped?: boolean
  /** Each command, as `"clear EHLO"` or `"TLS MAIL"`. */
  readonly heard: Array<string>
}

const serve = ({ heard, identity = Certificates.server, implicitTls, stripped }: Options) => (socket: Net.Socket) => {
  let how = implicitTls ? "TLS" : "clear"
  let pending = ""
  let inData = false
  const answer = (line: string): void => {
    if (inData) {
      if (line !== ".") return
      inData = false
      socket.write("250 taken\r\n")
      return
    }
    const [verb = ""] = line.toUpperCase().split(" ")
    heard.push(`${how} ${verb}`)
    switch (verb) {
      case "EHLO":
        socket.write(
          how === "clear" && stripped !== true ?
            "250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n" :
            "250-mail.example\r\n250 AUTH PLAIN\r\n"
        )
        break
      case "STARTTLS":
        if (stripped === true) socket.write("502 what is that?\r\n")
        else {
          socket.write("220 go ahead\r\n")
          socket.off("data", hear).pause()
          socket = new Tls.TLSSocket(socket, { ...identity, isServer: true })
          socket.on("error", () => {}).on("data", hear)
          how = "TLS"
        }
        break
      case "AUTH":
        socket.write("235 welcome\r\n")
        break
      case "DATA":
        inData = true
        socket.write("354 go on\r\n")
        break
      case "QUIT":
        socket.end("221 bye\r\n")
        break
      default:
        socket.write("250 ok\r\n")
    }
  }
  const hear = (chunk: Buffer) => {
    const lines = (pending + String(chunk)).split("\r\n")
    pending = lines.pop() ?? ""
    for (const line of lines) answer(line)
  }
  socket.on("data", hear)
  socket.write("220 mail.example ESMTP\r\n")
}

export const make = (options: Options): Effect.Effect<Servers.Server, never, Scope.Scope> =>
  options.implicitTls
    ? Servers.tls(serve(options), options.identity ?? Certificates.server, options)
    : Servers.tcp(serve(options), options)
