import type { LoggedModelInfo } from "../api/generated"
import { Badge, type Tone } from "../ui/Badge"

const SHOWN: Record<LoggedModelInfo["status"], [string, Tone]> = {
  LOGGED_MODEL_STATUS_UNSPECIFIED: ["Unknown", "plain"],
  LOGGED_MODEL_PENDING: ["Pending", "info"],
  LOGGED_MODEL_READY: ["Ready", "good"],
  LOGGED_MODEL_UPLOAD_FAILED: ["Upload failed", "bad"],
}

/** How far a logged model has come. */
export function ModelState({ status }: { status: LoggedModelInfo["status"] }) {
  const [text, tone] = SHOWN[status]
  return (
    <Badge tone={tone} dot>
      {text}
    </Badge>
  )
}
