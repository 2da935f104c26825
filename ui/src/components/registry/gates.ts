/** What a policy asks of a version, held against the frozen evidence of a request. */

import type { Evidence, Policy } from "../../api/generated"
import { value } from "../../lib/format"
import { real } from "../../lib/numbers"

export interface Gate {
  what: string
  /** What is known of it. */
  has: string
  holds: boolean
  /** Where that was seen. */
  at: "run" | "version"
}

const COMPARE = {
  ">=": (a: number, b: number) => a >= b,
  ">": (a: number, b: number) => a > b,
  "<=": (a: number, b: number) => a <= b,
  "<": (a: number, b: number) => a < b,
}

export function gatesOf({ gates }: Policy, evidence: Evidence): Gate[] {
  const metrics = figures(evidence.figures?.metrics)
  const current = figures(evidence.current_figures?.metrics)
  const tags = new Map((evidence.tags ?? []).map(({ key, value: text }) => [key, text]))
  const found: Gate[] = []
  for (const { metric, compare, value: bound, than_current } of gates?.metrics ?? []) {
    const has = metrics.get(metric)
    const held = current.get(metric)
    const limit = than_current
      ? held === undefined
        ? undefined
        : held + real(bound ?? 0)
      : real(bound)
    const isOpen = limit === undefined && evidence.current_version === undefined
    found.push({
      what: `${metric} ${compare} ${limit === undefined ? "the present version's" : value(limit)}${than_current && limit !== undefined ? " (present version)" : ""}`,
      has: has === undefined ? "not logged" : value(has),
      holds: has !== undefined && (isOpen || (limit !== undefined && COMPARE[compare](has, limit))),
      at: "run",
    })
  }
  for (const { key, value: wanted } of gates?.tags ?? []) {
    const has = tags.get(key)
    found.push({
      what: wanted === undefined ? `tag ${key}` : `tag ${key} is ${wanted}`,
      has: has ?? "not set",
      holds: has !== undefined && (wanted === undefined || has === wanted),
      at: "version",
    })
  }
  if (gates?.signature) {
    const has = evidence.figures?.signature
    found.push({
      what: `signature ${gates.signature}`,
      has: has ? "stated" : "none",
      holds: has !== undefined,
      at: "version",
    })
  }
  if (gates?.manifest) {
    const damage = evidence.figures?.damage
    found.push({
      what: "files as registered",
      has: damage || "unchanged",
      holds: !damage,
      at: "version",
    })
  }
  if (gates?.evaluation) {
    const { metric, tag } = gates.evaluation
    const isThere =
      (metric !== undefined && metrics.has(metric)) || (tag !== undefined && tags.has(tag))
    found.push({
      what: `evaluation ${metric ?? tag ?? ""}`,
      has: isThere ? "there" : "none",
      holds: isThere,
      at: metric === undefined ? "version" : "run",
    })
  }
  return found
}

function figures(list: readonly { key: string; value: string }[] = []): Map<string, number> {
  return new Map(list.map(({ key, value: text }) => [key, Number(text)]))
}
