/** What may be done, asked before it is tried: buttons say why not before the click. */

import { queryOptions, useQuery } from "@tanstack/react-query"
import { call, type Asked, type Name } from "./client"

export const capabilitiesQuery = (about: Asked<"getCapabilities">) =>
  queryOptions({
    queryKey: ["capabilities", about],
    queryFn: ({ signal }) => call("getCapabilities", about, { signal }),
    // How a server was started does not change; what records allow does.
    ...(Object.keys(about).length === 0 ? { staleTime: Number.POSITIVE_INFINITY } : {}),
  })

/** Why a call would be refused now; null as long as nothing is known against it. */
export function useRefusals(about: Asked<"getCapabilities">): (name: Name) => string | null {
  const refused = useQuery(capabilitiesQuery(about)).data?.refused
  return (name) => refused?.[name] ?? null
}
