import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useId, useState } from "react"
import { call } from "../../api/client"
import type { Experiment } from "../../api/generated"
import { runKeysQuery } from "../../components/runs/ColumnPicker"
import { PRIMARY, PRIMARY_GOAL } from "../../components/sparks"
import { leafOf } from "../../lib/folders"
import { Button } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { Field } from "../../ui/Field"
import { Segments } from "../../ui/Tabs"
import { toast } from "../../ui/Toast"
import { useBusy } from "../../ui/useBusy"

const GOALS = [
  { key: "minimize", label: "Lower is better" },
  { key: "maximize", label: "Higher is better" },
] as const
type Goal = (typeof GOALS)[number]["key"]

/** Which metric the runs of an experiment are judged by. */
export function PrimaryDialog({
  experiment: { experiment_id, name, tags = [] },
  onClose,
}: {
  experiment: Experiment
  onClose: () => void
}) {
  const said = (wanted: string) => tags.find(({ key }) => key === wanted)?.value ?? ""
  const client = useQueryClient()
  const id = useId()
  const [metric, setMetric] = useState(said(PRIMARY))
  const [goal, setGoal] = useState<Goal>(
    said(PRIMARY_GOAL) === "maximize" ? "maximize" : "minimize",
  )
  const wanted = metric.trim()
  const keys = useQuery(
    runKeysQuery({
      experiment_ids: [experiment_id],
      kind: "metric",
      contains: wanted,
      order: "coverage",
      limit: 20,
    }),
  ).data?.keys
  const put = async (key: string, value: string) => {
    if (value) await call("setExperimentTag", { experiment_id, key, value })
    else if (said(key)) await call("deleteExperimentTag", { experiment_id, key })
  }
  const [isBusy, once] = useBusy()
  const save = async () => {
    try {
      await put(PRIMARY_GOAL, wanted && goal)
      await put(PRIMARY, wanted)
      onClose()
      toast.done(
        wanted
          ? `${leafOf(name)} is judged by ${wanted}`
          : `${leafOf(name)} is judged by no metric`,
      )
    } catch (error) {
      toast.failed("The primary metric is as it was", error)
    }
    await client.invalidateQueries({ queryKey: ["experiments"] })
    await client.invalidateQueries({ queryKey: ["experiment", experiment_id] })
  }
  const act = () => void once(save)
  return (
    <Dialog
      open
      onClose={onClose}
      title="Primary metric"
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" onClick={act} disabledBecause={isBusy && "It is being done."}>
            Save
          </Button>
        </>
      }
    >
      <Field
        label="Metric"
        value={metric}
        onChange={setMetric}
        onEnter={act}
        list={`${id}-keys`}
        autoComplete="off"
        autoFocus
        hint="Its best value and its curve stand for the experiment in lists. Empty: none."
      />
      <datalist id={`${id}-keys`}>
        {(keys ?? []).map(({ key }) => (
          <option key={key} value={key} />
        ))}
      </datalist>
      <Segments label="Goal" value={goal} onChange={setGoal} choices={GOALS} />
    </Dialog>
  )
}
