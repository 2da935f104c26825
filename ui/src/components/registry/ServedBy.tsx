import type { ModelServer } from "../../api/generated"
import { Card } from "../../ui/Card"
import { TimeAgo } from "../../ui/Time"
import styles from "./registry.module.css"

/** What serves a version now, as the model servers themselves say. */
export function ServedBy({ servers }: { servers: readonly ModelServer[] }) {
  return (
    <Card title="Served by" isPadded>
      {servers.length === 0 && <p className={styles.muted}>No model server says that it does.</p>}
      <ul className={styles.stack} aria-label="Served by">
        {servers.map(
          ({ server_id, url, host, endpoint, model_uri, user_id, started_timestamp }) => (
            <li key={server_id}>
              <a href={url} rel="noreferrer" target="_blank" data-inline="" className={styles.mono}>
                {url}
              </a>
              <div className={styles.muted}>
                {endpoint} on {host}, from {model_uri}, by {user_id},{" "}
                <TimeAgo at={started_timestamp} />
              </div>
            </li>
          ),
        )}
      </ul>
    </Card>
  )
}
