import { useQuery } from "@tanstack/react-query"
import type { ArtifactDetails } from "../../api/generated"
import { bytes, count } from "../../lib/format"
import { Badge } from "../../ui/Badge"
import { CopyButton } from "../../ui/Copy"
import { FailedState, Skeleton } from "../../ui/States"
import { DateTime } from "../../ui/Time"
import styles from "./ArtifactBrowser.module.css"
import { detailsQuery, uriOf, type Source } from "./source"

/** What is known of a file besides its bytes, none of which is read for it. */
export function Details({ source, path }: { source: Source; path: string }) {
  const found = useQuery(detailsQuery(source, path))
  if (found.isPending) return <Skeleton label="Loading the details" lines={3} />
  if (found.isLoadingError)
    return <FailedState isInline error={found.error} onRetry={() => void found.refetch()} />
  const { file_size: size, content_type, uploaded_ms, uploaded_by, modified_ms } = found.data
  const uri = uriOf(source, path)
  return (
    <dl className={styles.details} aria-label="Details">
      <dt>URI</dt>
      <dd>
        <code>{uri}</code>
        <CopyButton text={uri} label="Copy this URI" />
      </dd>
      <dt>SHA-256</dt>
      <dd>
        <Digest of={found.data} />
      </dd>
      <dt>Size</dt>
      <dd>
        {bytes(size)}
        {size >= 1024 && ` (${count(size)} bytes)`}
      </dd>
      <dt>Type</dt>
      <dd>{content_type}</dd>
      {uploaded_ms !== undefined && (
        <>
          <dt>Uploaded</dt>
          <dd>
            <DateTime at={uploaded_ms} />
            {uploaded_by !== undefined && ` by ${uploaded_by}, in place of another file`}
          </dd>
        </>
      )}
      {uploaded_ms === undefined && modified_ms !== undefined && (
        <>
          <dt>Changed</dt>
          <dd>
            <DateTime at={modified_ms} />
          </dd>
        </>
      )}
    </dl>
  )
}

function Digest({ of: { standing, sha256 } }: { of: ArtifactDetails }) {
  return (
    <>
      {standing === "damaged" && <Badge tone="bad">damaged</Badge>}
      {standing === "damaged" && " It is not what was uploaded, which had "}
      {sha256 === undefined ? (
        `not known${standing === "unsettled" ? " yet: it is being written, or was not read since" : ": its bytes did not come through this server"}`
      ) : (
        <>
          <code>{sha256}</code>
          <CopyButton text={sha256} label="Copy the SHA-256" />
        </>
      )}
      {standing === "unrecorded" && sha256 !== undefined && " as its store says"}
    </>
  )
}
