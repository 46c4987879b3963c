// A program that knows nothing of racing: it requests a page with several clients at once, and prints for each how many
// milliseconds it took, or what it said when it gave up.
import axios from "axios"
import got from "got"
import nodeFetch from "node-fetch"
import { once } from "node:events"
import * as Http from "node:http"
import { Worker } from "node:worker_threads"
import { request } from "undici"

const [url = "", ...wishes] = process.argv.slice(2)

// What is loaded before this is loaded before a worker's program, too.
if (wishes.includes("worker")) await once(new Worker("", { eval: true }), "exit")

const clients: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
  fetch: async (signal) => (await fetch(url, { signal })).text(),
  undici: async (signal) => (await request(url, { signal })).body.text(),
  "node:http": (signal) =>
    new Promise((resolve, reject) => {
      Http.get(url, { signal }, (response) => response.resume().on("end", resolve)).on("error", reject)
    }),
  axios: (signal) => axios.get(url, { signal, proxy: false }),
  got: (signal) => got(url, { signal, retry: { limit: 0 } }),
  "node-fetch": async (signal) => (await nodeFetch(url, { signal })).text()
}

const codeOf = (error: unknown): string => {
  const { cause, code, name } = error as NodeJS.ErrnoException & { readonly cause?: unknown }
  if (typeof code === "string") return code
  return cause instanceof Error ? codeOf(cause) : name
}

const results = await Promise.all(
  Object.entries(clients).map(async ([client, get]) => {
    const before = performance.now()
    const result = await get(AbortSignal.timeout(5000)).then(
      () => Math.round(performance.now() - before),
      (error: unknown) => codeOf(error)
    )
    return [client, result] as const
  })
)
console.log(JSON.stringify(Object.fromEntries(results)))
// Clients that gave up may still hold sockets that try.
if (wishes.includes("exit")) process.exit()
