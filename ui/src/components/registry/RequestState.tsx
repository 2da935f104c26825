import { Badge, type Tone } from "../../ui/Badge"

const TONES: Record<string, Tone> = {
  OPEN: "info",
  APPROVED: "good",
  REJECTED: "bad",
  EXPIRED: "warn",
}

export function RequestState({ state }: { state: string }) {
  return (
    <Badge tone={TONES[state] ?? "plain"} dot>
      {state.toLowerCase()}
    </Badge>
  )
}
