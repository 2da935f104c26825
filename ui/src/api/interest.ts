/** What open pages want to hear of, and what one stream for all of them is asked for. */

import type { Asked } from "./client"
import type { Told } from "./stream"

export type Topic = Told["topic"]

export interface Interest {
  /** All events of these topics, except what is logged. */
  topics?: readonly Topic[]
  /** What happens in these experiments, also what is logged to their runs. */
  experiments?: readonly string[]
  /** What happens to these runs, also what is logged to them. */
  runs?: readonly string[]
}

/** Beyond so many ids the stream is of everything: an address holds no more. */
const MOST_IDS = 150
const OF_EXPERIMENTS = ["experiments", "runs"] as const

export interface Ask {
  topics: ReadonlySet<Topic>
  /** Of experiments and runs only these; null: all. */
  only: { experiments: ReadonlySet<string>; runs: ReadonlySet<string> } | null
}

/** One stream's question for all of *interests*. */
export function together(interests: Iterable<Interest>): Ask {
  const topics = new Set<Topic>()
  const experiments = new Set<string>()
  const runs = new Set<string>()
  for (const one of interests) {
    for (const topic of one.topics ?? []) topics.add(topic)
    for (const id of one.experiments ?? []) experiments.add(id)
    for (const id of one.runs ?? []) runs.add(id)
  }
  const ids = experiments.size + runs.size
  const isWide = OF_EXPERIMENTS.some((topic) => topics.has(topic)) || ids > MOST_IDS
  if (ids > 0) for (const topic of OF_EXPERIMENTS) topics.add(topic)
  return { topics, only: isWide ? null : { experiments, runs } }
}

/** Whether a stream of *held* tells all that one of *ask* would. */
export function covers({ topics, only }: Ask, ask: Ask): boolean {
  if (![...ask.topics].every((one) => topics.has(one))) return false
  if (only === null) return true
  return (
    ask.only !== null &&
    [...ask.only.experiments].every((id) => only.experiments.has(id)) &&
    [...ask.only.runs].every((id) => only.runs.has(id))
  )
}

export function asRequest({ topics, only }: Ask, last: string | undefined): Asked<"listenEvents"> {
  return {
    topics: [...topics].sort(),
    experiment_ids: [...(only?.experiments ?? [])].sort(),
    run_ids: [...(only?.runs ?? [])].sort(),
    ...(last === undefined ? {} : { last_event_id: last }),
  }
}

/** Whether *event* is one of those that *of* is about; a reset is for everybody. */
export function concerns(of: Interest, event: Told): boolean {
  if (event.type === "reset") return true
  if (event.type !== "run.data" && of.topics?.includes(event.topic)) return true
  if (event.topic !== "runs" && event.topic !== "experiments") return false
  const { id = "", experiment_id = "" } = event
  return (of.runs?.includes(id) ?? false) || (of.experiments?.includes(experiment_id) ?? false)
}
