import { queryOptions } from "@tanstack/react-query"
import { call } from "../../api/client"
import type { Media } from "../../api/generated"

/** What a run has to look at and to listen to. */
export const mediaQuery = (run: string) =>
  queryOptions({
    queryKey: ["media", run],
    queryFn: ({ signal }): Promise<Media> => call("listMedia", { run_id: run }, { signal }),
  })
