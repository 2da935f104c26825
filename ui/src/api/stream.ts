/** Server-sent events, read by hand: an `EventSource` hears only types that it knows by name. */

import { named, reachable, urlOf, type Asked } from "./client"
import type { Event as Told } from "./generated"

export type { Told }

/** The server shows every 15 s that a stream lives; one that is silent for longer is dead. */
const SILENCE_MS = 40_000

export interface Message {
  id?: string
  event: string
  data: string
}

/** Whole messages out of pieces of text; comments are passed over. */
export function messages(): (piece: string) => Message[] {
  let rest = ""
  return (piece) => {
    const blocks = (rest + piece).split("\n\n")
    rest = blocks.pop() ?? ""
    return blocks.flatMap((block) => {
      const found: Message = { event: "message", data: "" }
      for (const line of block.split("\n")) {
        const [, name, value = ""] = /^(\w+): ?(.*)$/.exec(line) ?? []
        if (name === "id" || name === "event" || name === "data") found[name] = value
      }
      return found.data === "" ? [] : [found]
    })
  }
}

/**
 * Listens until *signal* or the end of the stream. *onOpen* is called when the server has begun to
 * tell; *onTold* with each event and the id after which to go on.
 */
export async function listen(
  asked: Asked<"listenEvents">,
  signal: AbortSignal,
  onOpen: () => void,
  onTold: (event: Told | null, id: string | undefined) => void,
): Promise<void> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const response = await fetch(urlOf("listenEvents", asked), {
      headers: named({ accept: "text/event-stream" }),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.any([signal, silence.signal]),
    })
    if (!response.ok || !response.body) throw new Refused(response.status)
    reachable.set(true)
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const read = messages()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
      for (const { id, event, data } of read(value)) {
        if (event === "open") {
          onTold(null, id)
          onOpen()
        } else onTold(JSON.parse(data) as Told, id)
      }
    }
  } finally {
    clearTimeout(timer)
  }
}

/** The server does not let this page listen, or not from there on. */
export class Refused extends Error {
  constructor(readonly status: number) {
    super(`The stream of events was refused with ${status}.`)
  }
}
