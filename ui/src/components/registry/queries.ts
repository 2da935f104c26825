/** What pages of the registry ask for. */

import { queryOptions } from "@tanstack/react-query"
import { ask, call, urlOf, whole } from "../../api/client"
import { ApiError } from "../../api/errors"
import type { ApprovalRequest, ModelVersion, RegisteredModel } from "../../api/generated"
import { isServed } from "../../api/queries"
import { quoted } from "../../api/search"
import { readModel, type ModelFile } from "./mlmodel"

export const STAGES = ["None", "Staging", "Production", "Archived"] as const
export type Stage = (typeof STAGES)[number]

const PAGE = 200

export const modelsQuery = (text: string) =>
  queryOptions({
    queryKey: ["models", text],
    queryFn: async ({ signal }): Promise<RegisteredModel[]> => {
      const filter = text ? `name ILIKE ${quoted(`%${text}%`)}` : undefined
      const found: RegisteredModel[] = []
      if (!(await isServed("searchRegisteredModels"))) return found
      let page_token: string | undefined
      do {
        const asked = { filter, max_results: PAGE, page_token, order_by: ["name ASC"] }
        const page = await call("searchRegisteredModels", asked, { signal })
        found.push(...(page.registered_models ?? []))
        page_token = page.next_page_token
      } while (page_token)
      return found
    },
  })

export const modelQuery = (name: string) =>
  queryOptions({
    queryKey: ["model", name],
    queryFn: async ({ signal }) =>
      (await call("getRegisteredModel", { name }, { signal })).registered_model,
  })

/** All versions, the newest first. */
export const versionsQuery = (name: string) =>
  queryOptions({
    queryKey: ["model", name, "versions"],
    queryFn: async ({ signal }): Promise<ModelVersion[]> => {
      const found: ModelVersion[] = []
      let page_token: string | undefined
      do {
        const asked = { filter: `name = ${quoted(name)}`, max_results: 1000, page_token }
        const page = await call("searchModelVersions", asked, { signal })
        found.push(...(page.model_versions ?? []))
        page_token = page.next_page_token
      } while (page_token)
      return found.sort((a, b) => Number(b.version) - Number(a.version))
    },
  })

export const versionQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ["model", name, "version", version],
    queryFn: async ({ signal }) =>
      (await call("getModelVersion", { name, version }, { signal })).model_version,
  })

export const lineageQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ["model", name, "version", version, "lineage"],
    queryFn: async ({ signal }) =>
      (await call("getModelVersionLineage", { name, version }, { signal })).lineage,
  })

export const manifestQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ["model", name, "version", version, "manifest"],
    queryFn: async ({ signal }) =>
      (await call("getModelVersionManifest", { name, version }, { signal })).manifest,
  })

/** What the MLmodel file and the requirements beside it say; null where there is no such file. */
export const modelFileQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ["model", name, "version", version, "file"],
    queryFn: async ({ signal }): Promise<ModelFile | null> => {
      const [mlmodel, requirements] = await Promise.all([
        text(name, version, "MLmodel", signal),
        text(name, version, "requirements.txt", signal),
      ])
      return mlmodel === null ? null : readModel(mlmodel, requirements ?? "")
    },
    staleTime: 60_000,
    retry: false,
  })

async function text(
  name: string,
  version: string,
  path: string,
  signal: AbortSignal,
): Promise<string | null> {
  // The manifest says what is there: asking for a file that is not would be an error in the console.
  const { manifest } = await call("getModelVersionManifest", { name, version }, { signal })
  if (manifest.state === "RECORDED" && !manifest.files?.some((file) => file.path === path))
    return null
  if (manifest.state === "UNREADABLE") return null
  try {
    const url = urlOf("getModelVersionArtifact", { name, version, path })
    const read = async () => (await ask(url, { credentials: "same-origin" }, signal)).text()
    return await whole(read())
  } catch (error) {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) return null
    throw error
  }
}

/** The policy that holds for a model; null when none does. */
export const policyQuery = (name: string) =>
  queryOptions({
    queryKey: ["policy", name],
    queryFn: async ({ signal }) => {
      try {
        // Most models have none, and a question for one would be an error in the console.
        const { policies = [] } = await call("listApprovalPolicies", {}, { signal })
        if (!policies.some(({ models }) => globbed(models).test(name))) return null
        return (await call("getApprovalPolicy", { name }, { signal })).policy
      } catch (error) {
        if (error instanceof ApiError && (error.isGone || error.isForbidden)) return null
        throw error
      }
    },
  })

export const requestsQuery = (name: string) =>
  queryOptions({
    queryKey: ["requests", name],
    queryFn: async ({ signal }) => await requestsOf(name, signal),
  })

async function requestsOf(name: string, signal: AbortSignal): Promise<ApprovalRequest[]> {
  const found: ApprovalRequest[] = []
  let page_token: string | undefined
  do {
    const page = await call("listTransitionRequests", { name, page_token }, { signal })
    found.push(...(page.requests ?? []))
    page_token = page.next_page_token
  } while (page_token)
  return found
}

/** Which requests of all models are meant. */
export interface RequestsAsked {
  states?: NonNullable<ApprovalRequest["state"]>[]
  waiting_for_me?: boolean
  mine?: boolean
}

const MOST_REQUESTS = 1000

/** The requests of all models, the latest first, and no more than a thousand. */
export const allRequestsQuery = (asked: RequestsAsked = {}) =>
  queryOptions({
    queryKey: ["requests", "all", asked],
    queryFn: async ({ signal }): Promise<ApprovalRequest[]> => {
      const found: ApprovalRequest[] = []
      if (!(await isServed("searchTransitionRequests"))) return found
      let page_token: string | undefined
      do {
        const page = await call(
          "searchTransitionRequests",
          { ...asked, max_results: PAGE, page_token },
          { signal },
        )
        found.push(...(page.requests ?? []))
        page_token = page.next_page_token
      } while (page_token && found.length < MOST_REQUESTS)
      return found
    },
  })

/** Whether a policy guards a stage or an alias. */
export function isGuarded(
  guards: readonly { stage?: string; alias?: string }[] | undefined,
  place: { stage?: string; alias?: string },
): boolean {
  return (guards ?? []).some(({ stage, alias }) =>
    place.stage !== undefined
      ? stage === place.stage
      : alias !== undefined && globbed(alias).test(place.alias ?? ""),
  )
}

function globbed(pattern: string): RegExp {
  const text = pattern
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".")
  return new RegExp(`^${text}$`)
}
