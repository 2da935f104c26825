import { Badge, type Tone } from "../../ui/Badge"

const TONES: Record<string, Tone> = { Production: "good", Staging: "info", Archived: "plain" }

export function StageBadge({ stage }: { stage: string }) {
  if (stage === "None") return <span aria-label="No stage">–</span>
  return (
    <Badge tone={TONES[stage] ?? "plain"} dot>
      {stage}
    </Badge>
  )
}
