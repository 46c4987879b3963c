import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Readable, Writable } from "node:stream"

const find = (names: ReadonlyArray<string>): string | undefined =>
  (process.env.PATH ?? "").split(Path.delimiter)
    .flatMap((folder) => names.map((name) => Path.join(folder, name)))
    .find((file) => Fs.existsSync(file))

const program = find(["chromium", "chromium-browser"])

// In a network namespace of its own, where nothing but loopback is, no packet
// can leave, whatever a browser does on its own.
const unshare = ["unshare", "--net"]
const mayUnshare = ChildProcess.spawnSync(unshare[0]!, [...unshare.slice(1), "true"]).status === 0

/** Why no browser can be had here, or undefined. */
export const missing: string | undefined = program === undefined
  ? "there is no chromium here"
  : mayUnshare
  ? undefined
  : "network namespaces need root here"

type Parameters = Readonly<Record<string, unknown>>

interface Answer {
  readonly id?: number
  readonly result?: Parameters
  readonly error?: { readonly message: string }
}

/** An event of the DevTools protocol. */
export interface Event {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

/** A page in a headless browser, over the DevTools protocol. */
export interface Page {
  readonly send: (method: string, params?: Parameters) => Promise<Parameters>
  /** Evaluates an expression and gives its value. */
  readonly evaluate: <A>(expression: string) => Promise<A>
  readonly events: ReadonlyArray<Event>
  /** Opens an address at a width and a colour scheme, and waits until it is there. */
  readonly open: (url: string, width: number, scheme: "light" | "dark") => Promise<void>
}

/** Runs with a page, and ends the browser. */
export const withPage = async <A>(use: (page: Page) => Promise<A>): Promise<A> => {
  const profile = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-chromium-"))
  const child = ChildProcess.spawn(unshare[0]!, [
    ...unshare.slice(1),
    program!,
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--remote-debugging-pipe",
    `--user-data-dir=${profile}`,
    "about:blank"
  ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], timeout: 60_000, killSignal: "SIGKILL" })
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  try {
    return await use(await attach(child.stdio[3] as Writable, child.stdio[4] as Readable))
  } finally {
    child.kill("SIGKILL")
    await ended
    Fs.rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  }
}

const attach = async (input: Writable, output: Readable): Promise<Page> => {
  const events: Array<Event> = []
  const waiting = new Map<number, (answer: Answer) => void>()
  let count = 0
  let rest = ""
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (rest + text).split("\0")
    rest = messages.pop() ?? ""
    for (const message of messages) {
      const parsed = JSON.parse(message) as Answer | Event
      if ("method" in parsed) events.push(parsed)
      else if (parsed.id !== undefined) waiting.get(parsed.id)?.(parsed)
    }
  })
  const command = (method: string, params: Parameters = {}, sessionId?: string) =>
    new Promise<Parameters>((resolve, reject) => {
      const id = ++count
      waiting.set(id, ({ error, result }) => {
        waiting.delete(id)
        if (error === undefined) resolve(result ?? {})
        else reject(new Error(`${method}: ${error.message}`))
      })
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  const { targetId } = await command("Target.createTarget", { url: "about:blank" })
  const { sessionId } = await command("Target.attachToTarget", { targetId, flatten: true })
  const send = (method: string, params?: Parameters) => command(method, params, String(sessionId))
  await Promise.all(["Page", "Runtime", "Log", "Network"].map((domain) => send(`${domain}.enable`)))
  const evaluate = async <A>(expression: string): Promise<A> => {
    const { exceptionDetails, result } = await send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { readonly value: A }).value
  }
  return {
    send,
    evaluate,
    events,
    open: async (url, width, scheme) => {
      await send("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false })
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] })
      const loaded = events.length
      await send("Page.navigate", { url })
      for (let turn = 0; turn < 500; turn++) {
        if (events.slice(loaded).some(({ method }) => method === "Page.loadEventFired")) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      throw new Error(`${url} did not load`)
    }
  }
}
