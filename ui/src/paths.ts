/** The single author of addresses within the UI. They begin with "/" and stand below the base path. */

const part = encodeURIComponent

function address(path: string, search: Record<string, string | undefined> = {}): string {
  const given = Object.entries(search).filter((pair): pair is [string, string] => Boolean(pair[1]))
  const query = given
    .map(([key, value]) => `${key}=${part(value).replaceAll("%2C", ",")}`)
    .join("&")
  return query ? `${path}?${query}` : path
}

/** A file's path: its slashes stay, so that addresses read like paths. */
const file = (path: string) => path.split("/").map(part).join("/")

export const RUN_TABS = [
  "overview",
  "charts",
  "system",
  "media",
  "artifacts",
  "models",
  "traces",
  "logs",
  "code",
  "lineage",
] as const
export type RunTab = (typeof RUN_TABS)[number]

export interface CompareOptions {
  experiments?: string[]
  base?: string
  tab?: string
  keys?: string[]
  x?: string
  y?: string
}

export const paths = {
  home: () => "/",
  experimentTree: (folder = "") => address("/experiments", { folder }),
  experiment: (id: string, search: Record<string, string> = {}) =>
    address(`/experiments/${part(id)}`, search),
  /** Several together; one alone has the plain address. */
  experiments: (ids: string[], search: Record<string, string> = {}) =>
    address(`/experiments/${ids.map(part).join(",")}`, search),
  experimentTab: (id: string, tab: "models" | "notes" | "settings" | "traces") =>
    `/experiments/${part(id)}/${tab}`,
  report: (id: string, report: string) => `/experiments/${part(id)}/reports/${part(report)}`,
  loggedModel: (id: string, model: string) =>
    `/experiments/${part(id)}/logged-models/${part(model)}`,
  run: (experiment: string, run: string, tab: RunTab = "overview", path = "", line?: number) =>
    address(`/experiments/${part(experiment)}/runs/${part(run)}/${tab}`, {
      path,
      line: line?.toString(),
    }),
  /** For who knows a run's id only; the page finds its experiment. */
  anyRun: (run: string) => `/runs/${part(run)}`,
  artifact: (experiment: string, run: string, path: string) =>
    `/experiments/${part(experiment)}/artifacts/${part(run)}/${file(path)}`,
  compare: (runs: string[], options: CompareOptions = {}) =>
    address("/compare", {
      runs: runs.join(","),
      experiments: options.experiments?.join(","),
      base: options.base,
      tab: options.tab,
      keys: options.keys?.length ? JSON.stringify(options.keys) : undefined,
      x: options.x,
      y: options.y,
    }),
  models: () => "/models",
  model: (name: string) => `/models/${part(name)}`,
  modelVersion: (name: string, version: string) =>
    `/models/${part(name)}/versions/${part(version)}`,
  modelCompare: (name: string, versions: string[]) =>
    address(`/models/${part(name)}/compare`, { v: versions.join(",") }),
  approvals: () => "/approvals",
  approval: (id: string) => `/approvals/${part(id)}`,
  audit: () => "/audit",
  trash: () => "/trash",
  search: (text: string) => address("/search", { q: text }),
  admin: (section = "webhooks") => `/admin/${section}`,
  settings: (section = "appearance") => `/settings/${section}`,
} as const
