import { isPaused, liveState } from "../../api/live"
import { useStore } from "../../lib/store"
import { Button } from "../../ui/Button"
import { Tooltip } from "../../ui/Tooltip"
import styles from "./LiveBadge.module.css"

const WORDS = { live: "Live", paused: "Paused", reconnecting: "Reconnecting" } as const
const HINTS = {
  live: "Pages follow what is recorded. Press to pause.",
  paused: "Pages stay as they are. Press to follow again.",
  reconnecting: "The server does not answer; trying again.",
} as const

export function LiveBadge() {
  const state = useStore(liveState)
  return (
    <Tooltip text={HINTS[state]} keys="l">
      <Button
        variant="quiet"
        size="s"
        data-live={state}
        aria-label={WORDS[state]}
        className={styles.live}
        onClick={() => isPaused.set(!isPaused.get())}
      >
        <i className={styles.dot} />
        <span>{WORDS[state]}</span>
      </Button>
    </Tooltip>
  )
}
