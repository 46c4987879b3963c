import { assert, describe, it } from "@effect/vitest"
import { WaitingRequests } from "../../src/internal/plugs/waitingRequests.ts"

type Abort = (reason?: Error) => void

interface Dispatched {
  readonly begin: (controller: { readonly abort: Abort }) => void
  readonly fail: (error: Error) => void
}

/** As undici does it: handlers of its version 8, and of 6. */
const kinds = {
  "of undici 8": {
    handlerOf: (told: Array<string>, hear: (abort: Abort) => void) => ({
      onRequestStart: (controller: { readonly abort: Abort }) => hear((reason) => controller.abort(reason)),
      onResponseError: (_: unknown, error: Error) => told.push(error.message)
    }),
    dispatched: (handler: Record<string, (...args: ReadonlyArray<unknown>) => void>): Dispatched => ({
      begin: (controller) => handler["onRequestStart"]!(controller, null),
      fail: (error) => handler["onResponseError"]!(undefined, error)
    })
  },
  "of undici 6": {
    handlerOf: (told: Array<string>, hear: (abort: Abort) => void) => ({
      onConnect: hear,
      onError: (error: Error) => told.push(error.message)
    }),
    dispatched: (handler: Record<string, (...args: ReadonlyArray<unknown>) => void>): Dispatched => ({
      begin: ({ abort }) => handler["onConnect"]!(abort, null),
      fail: (error) => handler["onError"]!(error)
    })
  }
}

describe.each(Object.entries(kinds))("WaitingRequests with handlers %s", (_, kind) => {
  const origin = "http://service.example"

  /** A dispatcher that opens a connection for a request where it is told to. */
  const dispatcher = () => {
    const waiting = new WaitingRequests()
    const ended: Array<string> = []
    const race = (name: string) => waiting.begin(`${origin}:80`, () => ended.push(name))
    let opens: string | undefined
    let last: { readonly dispatched: Dispatched; readonly connected: () => void } | undefined
    const agent = waiting.watch({
      dispatch: (_: object, handler: object) => {
        const connected = opens === undefined ? () => {} : race(opens)
        last = { dispatched: kind.dispatched(handler as never), connected }
        return true
      }
    })
    const request = (name: string | undefined) => {
      const told: Array<string> = []
      let abort: Abort = () => {}
      opens = name
      agent.dispatch({ origin }, kind.handlerOf(told, (how) => abort = how))
      return { ...last!, told, abort: (): void => abort(new Error("aborted")) }
    }
    return { agent, ended, race, request }
  }

  it("ends the race of a request that is aborted, and says so once", () => {
    const { ended, request } = dispatcher()
    const one = request("its own")
    one.abort()
    one.abort()
    one.dispatched.fail(new Error("undici's word for it"))
    assert.deepStrictEqual([ended, one.told], [["its own"], ["aborted"]])
  })

  it("keeps a race for those who may need it, and ends it with the last of them", () => {
    const { ended, request } = dispatcher()
    const [first, second, third] = [request("first"), request(undefined), request("third")]
    first.abort()
    third.abort()
    assert.deepStrictEqual(ended, [])
    second.abort()
    assert.deepStrictEqual(ended, ["first", "third"])
  })

  it("forgets who has begun, and a race that has ended by itself", () => {
    const { ended, request } = dispatcher()
    const patient = request("patient")
    const [first, second] = [request("first"), request(undefined)]
    first.abort()
    first.connected()
    second.dispatched.begin({ abort: () => {} })
    const third = request("third")
    third.connected()
    third.dispatched.begin({ abort: () => {} })
    const failed = request("failed")
    failed.connected()
    failed.dispatched.fail(new Error("refused"))
    assert.deepStrictEqual([ended, failed.told], [[], ["refused"]])
    request("fourth").abort()
    assert.deepStrictEqual(ended, ["fourth"])
    patient.abort()
    assert.deepStrictEqual(ended, ["fourth", "patient"])
  })

  it("leaves alone the race that a request waits for since its own was over", () => {
    const { ended, race, request } = dispatcher()
    const first = request("first")
    first.connected()
    // Its connection was closed before it could begin.
    race("again")
    request("second").abort()
    assert.deepStrictEqual(ended, [])
    first.abort()
    assert.deepStrictEqual(ended, ["again", "second"])
  })

  it("lets undici drop a request that was aborted, and not the connection that it is given", () => {
    const { request } = dispatcher()
    const [, aborted] = [request("first"), request(undefined)]
    aborted.abort()
    const closed: Abort = () => assert.fail("the connection is closed")
    assert.throws(() => aborted.dispatched.begin({ abort: closed }), "aborted")
    aborted.dispatched.fail(new Error("undici's word for it"))
    assert.deepStrictEqual(aborted.told, ["aborted"])
  })

  it("leaves the abort of a request that has begun to undici", () => {
    const { ended, request } = dispatcher()
    const one = request("its own")
    const reasons: Array<string | undefined> = []
    one.dispatched.begin({ abort: (reason) => reasons.push(reason?.message) })
    one.abort()
    one.dispatched.fail(new Error("aborted"))
    assert.deepStrictEqual([reasons, one.told, ended], [["aborted"], ["aborted"], []])
  })

  it("dispatches no request that is aborted when it hears that it begins", () => {
    const told: Array<string> = []
    const agent = new WaitingRequests().watch({
      dispatch: (...given: [object, object]) => assert.fail(`dispatched ${given.length}`)
    })
    agent.dispatch({ origin }, kind.handlerOf(told, (abort) => abort()))
    assert.deepStrictEqual(told, ["Request aborted"])
  })
})

describe("WaitingRequests", () => {
  it("gives everything else to the handler itself", () => {
    class Handler {
      readonly #heard: Array<unknown> = []
      onRequestStart(controller: { readonly resume: () => void; readonly rawHeaders: unknown }): void {
        this.#heard.push("start")
        this.later = () => {
          controller.resume()
          this.#heard.push(controller.rawHeaders)
        }
      }
      later = () => {}
      onResponseStart(_: unknown, status: number): void {
        this.#heard.push(status)
      }
      onResponseError(): void {}
      get heard() {
        return this.#heard
      }
    }
    const handler = new Handler()
    const resumed: Array<string> = []
    const agent = new WaitingRequests().watch({
      dispatch: (_: object, one: object) => {
        const { onRequestStart, onResponseStart } = one as Handler
        assert.notProperty(one, "onConnect")
        assert.notProperty(one, "onResponseData")
        const controller = { abort: () => {}, resume: () => resumed.push("resumed"), rawHeaders: ["x", "y"] }
        onRequestStart(controller)
        onResponseStart(controller, 200)
        return true
      }
    })
    agent.dispatch({ origin: new URL("http://service.example") }, handler)
    handler.later()
    assert.deepStrictEqual([handler.heard, resumed], [["start", 200, ["x", "y"]], ["resumed"]])
  })

  it("leaves to undici what is no request", () => {
    const given: Array<unknown> = []
    const agent = new WaitingRequests().watch({
      dispatch: (_: object | undefined, handler: unknown) => given.push(handler) > 0
    })
    const handler = { onRequestStart: () => assert.fail("began") }
    for (const options of [undefined, {}, { origin: "nonsense" }, { origin: "http://service.example" }]) {
      agent.dispatch(options, handler)
    }
    agent.dispatch({ origin: "http://service.example" }, undefined)
    assert.deepStrictEqual(given, [handler, handler, handler, handler, undefined])
  })
})
