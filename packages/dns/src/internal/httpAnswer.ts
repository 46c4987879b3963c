import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { Response } from "../Http2.ts"
import * as Message from "../Message.ts"
import type { Outcome } from "./Line.ts"

/**
 * The media type of DNS messages (RFC 8484, section 6).
 *
 * @internal
 */
export const mediaType = "application/dns-message"

/**
 * The longest message (RFC 8484, section 6).
 *
 * @internal
 */
export const maxLength = 65_535

/**
 * The server has moved, to another path of the same host.
 *
 * @internal
 */
export interface Redirected {
  readonly _tag: "Redirected"
  readonly path: string
}

/**
 * Says what a response is worth.
 *
 * @internal
 */
export const read = (
  response: Response,
  question: Message.Question,
  authority: string
): Exclude<Outcome, { readonly _tag: "Lost" }> | Redirected => {
  const { body, field, status } = response
  const location = redirects.has(status) ? field("location") : undefined
  if (location !== undefined) {
    const path = pathOf(location, authority)
    return path === undefined
      ? invalid(
        `answered with HTTP status ${status}, to ${printable(location)}: it is followed to paths of its own only`
      )
      : { _tag: "Redirected", path }
  }
  if (status !== 200) return invalid(`answered with HTTP status ${status}`)
  const type = field("content-type") ?? "nothing"
  if (type.replace(/;.*$/s, "").trim().toLowerCase() !== mediaType) {
    return invalid(`answered with ${printable(type)} and not with ${mediaType}`)
  }
  const decoded = Message.decode(body)
  if (Result.isFailure(decoded)) {
    return { ...invalid(`sent no valid answer (${decoded.failure.message})`), cause: decoded.failure }
  }
  const message = decoded.success
  return Message.isReplyTo(message, 0, question)
    ? { _tag: "Answered", message: aged(message, ageOf(field("age"))) }
    : invalid("sent an answer to another question")
}

const invalid = (detail: string) => ({ _tag: "Invalid", detail }) as const

// 303 is left out: it wants a GET of something that is not this.
const redirects = new Set([301, 302, 307, 308])

// RFC 8484, section 4.2.1 leaves redirects to HTTP. Another host would have to be
// found, and to prove itself, by means that nobody gave for it (section 3).
const pathOf = (location: string, authority: string): string | undefined => {
  const [, scheme, host = "", rest = ""] = /^(https:)?\/\/([^/?#]*)([^#]*)/i.exec(location) ?? []
  const isAbsolute = scheme !== undefined || location.startsWith("//")
  if (isAbsolute && host.toLowerCase().replace(/:443$/, "") !== authority.toLowerCase()) return undefined
  const path = isAbsolute ? rest : location.replace(/#.*$/s, "")
  return /^\/[\u0021-\u007e]*$/.test(path) && !path.startsWith("//") ? path : undefined
}

// RFC 9111, section 5.1: whole seconds; what is none is passed over.
const ageOf = (field: string | undefined): number => {
  const [, seconds] = /^\s*(\d+)\s*(?:,|$)/.exec(field ?? "") ?? []
  return seconds === undefined ? 0 : Math.min(Number(seconds), 0x7fff_ffff)
}

// RFC 8484, section 5.1: an answer that caches have kept for a while holds for so
// much less.
const aged = (message: Message.Message, age: number): Message.Message => {
  if (age === 0) return message
  const older = (record: Message.ResourceRecord): Message.ResourceRecord => ({
    ...record,
    // A negative answer holds for the less of two times, so that both have to shrink.
    ttl: Math.max(0, Math.min(record.ttl, negativeTtl(record)) - age)
  })
  return { ...message, answers: message.answers.map(older), authorities: message.authorities.map(older) }
}

const negativeTtl = ({ data }: Message.ResourceRecord): number =>
  data._tag === "SOA" ? Duration.toSeconds(data.minimum) : Infinity

// A stranger's text ends up in logs and terminals.
const printable = (text: string): string => text.replace(/[^\u0020-\u007e]/g, "\u{fffd}").slice(0, 200)
