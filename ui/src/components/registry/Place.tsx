import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { call } from "../../api/client"
import type { ModelVersion } from "../../api/generated"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { Checkbox, Field, Select } from "../../ui/Field"
import { toast } from "../../ui/Toast"
import { Link, useGo } from "../Link"
import { isGuarded, policyQuery, STAGES, type Stage } from "./queries"

/** Moves a version to a stage or under an alias; where a policy guards it, asks others to agree. */
export function PlaceDialog({
  version: { name, version, current_stage, run_id },
  kind,
  onClose,
}: {
  version: ModelVersion
  kind: "stage" | "alias"
  onClose: () => void
}) {
  const client = useQueryClient()
  const go = useGo()
  const [stage, setStage] = useState<Stage>(
    current_stage === "Production" ? "Archived" : "Production",
  )
  const [alias, setAlias] = useState("")
  const [archive, setArchive] = useState(false)
  const [comment, setComment] = useState("")
  const [isBusy, setBusy] = useState(false)
  const policy = useQuery(policyQuery(name))
  const place = kind === "stage" ? { stage } : { alias: alias.trim() }
  const guards = policy.data?.guards
  const needs =
    isGuarded(guards, place) || (kind === "stage" && isGuarded(guards, { stage: current_stage }))
  const run = async () => {
    setBusy(true)
    try {
      const archive_existing_versions = archive || undefined
      if (needs) {
        const wish = {
          name,
          version,
          ...place,
          comment: comment || undefined,
          archive_existing_versions,
        }
        const { request } = await call("createTransitionRequest", wish)
        await client.invalidateQueries({ queryKey: ["requests"] })
        go(`${paths.approval(request.id)}?model=${encodeURIComponent(name)}`)
      } else if (kind === "stage") {
        await call("transitionModelVersionStage", {
          name,
          version,
          stage,
          archive_existing_versions,
        })
        toast.done(`Version ${version} is in ${stage}`)
      } else {
        await call("setRegisteredModelAlias", { name, version, alias: alias.trim() })
        toast.done(`${alias.trim()} points at version ${version}`)
      }
      onClose()
    } catch (error) {
      toast.failed("Nothing was changed", error)
    } finally {
      setBusy(false)
      await client.invalidateQueries({ queryKey: ["model", name] })
      await client.invalidateQueries({ queryKey: ["models"] })
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={kind === "stage" ? `Stage of version ${version}` : `Alias for version ${version}`}
      text={
        needs
          ? `A policy guards this place: ${policy.data?.approvals ?? 1} must agree. The request freezes what it is decided on.`
          : "It takes effect at once."
      }
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            disabledBecause={
              isBusy
                ? "It is being done."
                : kind === "alias" && !alias.trim() && "Write an alias first."
            }
            onClick={() => void run()}
          >
            {needs ? "Request approval" : kind === "stage" ? "Move" : "Set alias"}
          </Button>
        </>
      }
    >
      {kind === "stage" ? (
        <>
          <Select
            label="To stage"
            value={stage}
            choices={STAGES.filter((one) => one !== current_stage).map(
              (one) => [one, one] as const,
            )}
            onChange={setStage}
          />
          <Checkbox label="Archive other versions there" checked={archive} onChange={setArchive} />
        </>
      ) : (
        <Field
          label="Alias"
          value={alias}
          onChange={setAlias}
          onEnter={() => void run()}
          autoFocus
        />
      )}
      {needs && run_id && (
        <p>
          Gates look at{" "}
          <Link to={paths.anyRun(run_id)} data-inline="">
            the run that made it
          </Link>{" "}
          and at{" "}
          <Link to={paths.modelVersion(name, version)} data-inline="">
            the version
          </Link>
          .
        </p>
      )}
      {needs && <Field label="Reason" value={comment} onChange={setComment} />}
    </Dialog>
  )
}
