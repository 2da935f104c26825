import { paths } from "../paths"

/**
 * Where an address of the kind `#/experiments/1/runs/…` leads today; null when it says nothing to us.
 * Clients print such addresses and notes are full of them.
 */
export function translated(hash: string): string | null {
  if (!hash.startsWith("#/")) return null
  const [path = "", query = ""] = hash.slice(1).split("?", 2)
  const search = new URLSearchParams(query)
  const [area, ...rest] = path.split("/").filter(Boolean).map(decoded)
  switch (area) {
    case undefined:
      return paths.home()
    case "experiments":
      return experiment(rest, search)
    case "runs":
      return rest[0] ? paths.anyRun(rest[0]) : null
    case "compare-runs":
      return paths.compare(list(search.get("runs")), {
        experiments: list(search.get("experiments")),
      })
    case "compare-experiments":
      return paths.experiments(list(search.get("experiments")), carried(search))
    case "metric":
      return metric(rest, search)
    case "models":
      return model(rest)
    case "trash":
      return paths.trash()
    default:
      return null
  }
}

function experiment([id, kind, run, tab, ...file]: string[], search: URLSearchParams): string {
  if (!id) return paths.experimentTree()
  if (kind !== "runs" || !run) return paths.experiment(id, carried(search))
  if (tab === "artifacts" || tab === "artifactPath")
    return paths.run(id, run, "artifacts", file.join("/"))
  return paths.run(id, run)
}

function metric(rest: string[], search: URLSearchParams): string {
  const keys = list(search.get("plot_metric_keys"))
  return paths.compare(list(search.get("runs")), {
    experiments: list(search.get("experiments") ?? search.get("experiment")),
    tab: "charts",
    keys: keys.length > 0 ? keys : rest.slice(0, 1),
    x: search.get("x_axis") ?? "",
    y: search.get("y_axis_scale") ?? "",
  })
}

function model([name, kind, version]: string[]): string {
  if (!name) return paths.models()
  return kind === "versions" && version ? paths.modelVersion(name, version) : paths.model(name)
}

/** The parameters of a list of runs that still mean something. */
function carried(search: URLSearchParams): Record<string, string> {
  const kept: Record<string, string> = {}
  const filter = search.get("searchFilter")
  const order = search.get("orderByKey")
  const lifecycle = search.get("lifecycleFilter")
  const start = search.get("startTime")
  if (filter) kept["q"] = filter
  if (order)
    kept["sort"] = `${unquoted(order)} ${search.get("orderByAsc") === "true" ? "ASC" : "DESC"}`
  if (lifecycle && /deleted/i.test(lifecycle)) kept["state"] = "deleted"
  if (start && start !== "ALL") kept["since"] = start
  return kept
}

/** "attributes.start_time" for what old addresses write with odd quotes. */
function unquoted(key: string): string {
  return key.replace(/^(\w+)\.[`"](.*)[`"]$/, "$1.$2")
}

function list(text: string | null): string[] {
  if (!text) return []
  try {
    const found: unknown = JSON.parse(text)
    return Array.isArray(found) ? found.map(String) : [String(found)]
  } catch {
    return text.split(",").filter(Boolean)
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
