import * as NetAddress from "effect/net/NetAddress"
import * as AddressSelection from "../AddressSelection.ts"
import * as Answers from "../Answers.ts"
import type { Settings } from "../ConnectOptions.ts"
import * as Endpoint from "../Endpoint.ts"
import * as Order from "../Order.ts"
import type { SourceAddresses } from "../SourceAddress.ts"
import type * as Target from "../Target.ts"

/**
 * An endpoint that may be tried, and which of the target's ports it is on.
 *
 * @internal
 */
export interface Candidate {
  readonly key: string
  readonly endpoint: Endpoint.Endpoint
  readonly portIndex: number
}

const noPort: Target.Port = { number: 0, tls: undefined, secure: false, payload: undefined }

/**
 * Orders the candidates of a target, and remembers the endpoints it has made.
 *
 * @internal
 */
export class Candidates {
  private readonly target: Target.Target
  private readonly settings: Settings
  private readonly sources: SourceAddresses
  private readonly made = new Map<string, Candidate>()
  private readonly known = new Map<NetAddress.IpAddress, Array<Candidate>>()
  private from: Answers.Answers | undefined
  private ordered: ReadonlyArray<Candidate> = []

  constructor(target: Target.Target, settings: Settings, sources: SourceAddresses) {
    this.target = target
    this.settings = settings
    this.sources = sources
  }

  /** Every candidate there is now, best first, tried or not. */
  all(answers: Answers.Answers): ReadonlyArray<Candidate> {
    if (this.from !== answers) {
      this.from = answers
      this.ordered = this.order(answers)
    }
    return this.ordered
  }

  private order(answers: Answers.Answers): ReadonlyArray<Candidate> {
    const { at, ports } = this.target
    if (at._tag === "UnixPath") {
      const endpoint = this.endpoint(NetAddress.unixPathAddress(at.path), noPort)
      return [{ key: at.path, endpoint, portIndex: 0 }]
    }
    // A list of addresses is the caller's order, which nothing moves.
    const addresses = at._tag === "Addresses"
      ? at.addresses
      : this.sorted(Answers.addresses(answers))
    const wanted = addresses.filter(({ address }) => this.isWanted(address))
    const out = ports.length === 0
      ? wanted.map((address) => this.candidate(address, noPort, 0))
      : Order.withPorts(
        wanted,
        ports.map((port, index) => ({ port, index })),
        this.settings.portOrder,
        (address, { index, port }) => this.candidate(address, port, index)
      )
    return [...new Set(out)]
  }

  private sorted(addresses: ReadonlyArray<NetAddress.IpAddress>): ReadonlyArray<Target.TargetAddress> {
    const sorted = AddressSelection.sort(addresses, { address: (address) => address, source: this.sources.peek })
    return Order.interleave(sorted, {
      familyOf: NetAddress.familyOf,
      firstAddressFamilyCount: this.settings.firstAddressFamilyCount
    }).map((address) => ({ address, scopeId: 0, port: undefined }))
  }

  private isWanted(address: NetAddress.IpAddress): boolean {
    return this.settings.family === undefined || NetAddress.familyOf(address) === this.settings.family
  }

  private candidate(at: Target.TargetAddress, port: Target.Port, portIndex: number): Candidate {
    // Answers keep their addresses, so an address is the same value each time.
    const ofAddress = this.known.get(at.address)
    const known = ofAddress?.[portIndex]
    if (known !== undefined && at.port === undefined) return known
    const number = at.port ?? port.number
    const address = inetAddress(at, number)
    const key = NetAddress.formatInet(address)
    let candidate = this.made.get(key)
    if (candidate === undefined) {
      candidate = { key, endpoint: this.endpoint(address, port), portIndex }
      this.made.set(key, candidate)
    }
    if (ofAddress === undefined) this.known.set(at.address, [])
    this.known.get(at.address)![portIndex] = candidate
    return candidate
  }

  private endpoint(address: NetAddress.SocketAddress, port: Target.Port): Endpoint.Endpoint {
    const { at } = this.target
    return Endpoint.make(address, {
      tls: (port.tls ?? this.settings.tls) || undefined,
      host: at._tag === "Name" ? at.name : undefined,
      payload: port.payload
    })
  }
}

const inetAddress = ({ address, scopeId }: Target.TargetAddress, port: number): NetAddress.InetAddress =>
  scopeId === 0
    ? NetAddress.inetAddressUnsafe(address, port)
    : NetAddress.inetAddressFromInputUnsafe({ address, port, scopeId })
