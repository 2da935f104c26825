import { isPaused, liveState } from "../../api/live"
import { useStore } from "../../lib/store"
import { Button } from "../../ui/Button"
import { Tooltip } from "../../ui/Tooltip"
import styles from "./LiveBadge.module.css"

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  paused: "Paused",
  reconnecting: "Reconnecting",
} as const
const HINTS = {
  connecting: "The server is asked to tell what changes.",
  live: "Pages follow what is recorded. Press to pause.",
  paused: "Pages stay as they are. Press to follow again.",
  reconnecting: "The server tells nothing at the moment; pages ask from time to time.",
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
