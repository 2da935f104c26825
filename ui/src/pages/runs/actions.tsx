import { useQueries, useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { call } from "../../api/client"
import type { Run } from "../../api/generated"
import { filesQuery, ofRun } from "../../components/artifacts/source"
import { RegisterDialog, type Candidate } from "../../components/registry/RegisterDialog"
import { userName } from "../../lib/prefs"
import { CAUSE } from "../../lib/run"
import { Button } from "../../ui/Button"
import { ConfirmDialog, Dialog } from "../../ui/Dialog"
import { Skeleton } from "../../ui/States"
import { toast } from "../../ui/Toast"
import { useModels } from "./lineage"

/** Folders of a run that are looked into for models. */
const MOST_FOLDERS = 20

/** What of a run can be registered: the models that it logged, and folders that hold one. */
function useCandidates(run: Run): { candidates: Candidate[]; isPending: boolean } {
  const id = run.info.run_id
  const source = ofRun(id)
  const made = new Set((run.outputs?.model_outputs ?? []).map(({ model_id }) => model_id))
  const models = useModels(run).filter(({ info }) => made.has(info.model_id))
  const top = useQuery(filesQuery(source, ""))
  const folders = (top.data ?? []).filter(({ is_dir }) => is_dir).slice(0, MOST_FOLDERS)
  const inside = useQueries({ queries: folders.map(({ path }) => filesQuery(source, path)) })
  const holding = folders.filter((_, at) =>
    inside[at]?.data?.some(({ path }) => path.endsWith("/MLmodel")),
  )
  return {
    candidates: [
      ...models.map(({ info }) => ({
        label: info.name || info.model_id,
        uri: `models:/${info.model_id}`,
        run: id,
        model: info.model_id,
      })),
      ...holding.map(({ path }) => ({
        label: `the folder ${path}`,
        uri: `runs:/${id}/${path}`,
        run: id,
        model: undefined,
      })),
    ],
    isPending:
      top.isPending || inside.some(({ isPending }) => isPending) || models.length < made.size,
  }
}

export function RegisterRunDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const { candidates, isPending } = useCandidates(run)
  if (candidates.length > 0) return <RegisterDialog candidates={candidates} onClose={onClose} />
  return (
    <Dialog
      open
      onClose={onClose}
      title="Register a model"
      text={
        isPending
          ? "Looking for models of this run."
          : "This run has logged no model, and none of its folders holds an MLmodel file."
      }
    >
      {isPending && <Skeleton lines={2} />}
    </Dialog>
  )
}

/** Has the program that logs to a run told to stop. */
export function StopDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [isBusy, setBusy] = useState(false)
  const stop = async () => {
    setBusy(true)
    try {
      await call("stopRun", { run_id: id })
      toast.done("The run is asked to stop")
    } catch (error) {
      toast.failed("The run was not asked", error)
    }
    onClose()
  }
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      onConfirm={() => void stop()}
      title="Ask this run to stop?"
      text="Millrace's client hears of it with its next sign of life, three times a minute, and ends the run at its next log call. Clients of other make do not hear: stop those where they run."
      action="Ask to stop"
      isBusy={isBusy}
    />
  )
}

/** Says of a run that it has ended; the program itself is not told. */
export function EndDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [isBusy, setBusy] = useState(false)
  const end = async () => {
    setBusy(true)
    const who = userName.get().trim()
    try {
      await call("setTag", {
        run_id: id,
        key: CAUSE,
        value: who ? `ended in the web UI by ${who}` : "ended in the web UI",
      })
      await call("updateRun", { run_id: id, status: "KILLED", end_time: Date.now() })
      toast.done("The run is marked as killed")
    } catch (error) {
      toast.failed("The run is as it was", error)
    }
    onClose()
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title="End this run?"
      text="It is marked as killed, now and by you. The program that logs to it is not stopped: do that where it runs."
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="danger"
            onClick={() => void end()}
            disabledBecause={isBusy && "It is being done."}
          >
            Mark as killed
          </Button>
        </>
      }
    />
  )
}
