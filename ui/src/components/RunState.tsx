import type { RunInfo } from "../api/generated"
import { Badge, type Tone } from "../ui/Badge"

const SHOWN: Record<RunInfo["status"], [string, Tone]> = {
  RUNNING: ["Running", "info"],
  SCHEDULED: ["Scheduled", "plain"],
  FINISHED: ["Finished", "good"],
  FAILED: ["Failed", "bad"],
  KILLED: ["Killed", "warn"],
}

/** In words and colour; a run that has gone silent is lost, whatever it said last. */
export function RunState({
  status,
  liveness,
}: {
  status: RunInfo["status"]
  liveness?: RunInfo["liveness"]
}) {
  const isLost = liveness === "lost"
  const [text, tone] = isLost ? (["Lost", "bad"] as const) : SHOWN[status]
  const title = isLost ? "It promised signs of life, and none came in time." : undefined
  return (
    <Badge tone={tone} dot pulse={status === "RUNNING" && !isLost} title={title}>
      {text}
    </Badge>
  )
}
