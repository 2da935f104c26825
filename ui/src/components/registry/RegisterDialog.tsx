import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useId, useState } from "react"
import { call } from "../../api/client"
import { ApiError } from "../../api/errors"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { inputClass, Select } from "../../ui/Field"
import { toast } from "../../ui/Toast"
import { useGo } from "../Link"
import { modelsQuery } from "./queries"

/** Something that a version can be made of. */
export interface Candidate {
  label: string
  /** `models:/m-…` or `runs:/…/path`. */
  uri: string
  run: string | undefined
  model: string | undefined
}

/** Makes a version of a model, under a name that is there or a new one. */
export function RegisterDialog({
  candidates,
  onClose,
}: {
  candidates: readonly Candidate[]
  onClose: () => void
}) {
  const id = useId()
  const go = useGo()
  const client = useQueryClient()
  const known = useQuery(modelsQuery("")).data ?? []
  const [uri, setUri] = useState(candidates[0]?.uri ?? "")
  const [name, setName] = useState("")
  const [isBusy, setBusy] = useState(false)
  const chosen = candidates.find((one) => one.uri === uri)
  const wanted = name.trim()
  const register = async () => {
    if (!wanted || !chosen || isBusy) return
    setBusy(true)
    try {
      await makeName(wanted)
      const { model_version } = await call("createModelVersion", {
        name: wanted,
        source: chosen.uri,
        run_id: chosen.run,
        model_id: chosen.model,
      })
      await client.invalidateQueries()
      toast.done(`Registered as version ${model_version.version} of ${wanted}`)
      go(paths.modelVersion(wanted, model_version.version))
      onClose()
    } catch (error) {
      toast.failed("It is not registered", error)
      setBusy(false)
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title="Register a model"
      text="A registered version keeps its files as they are, and can be put into stages and under aliases."
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            onClick={() => void register()}
            disabledBecause={!wanted && "It needs a name."}
          >
            Register
          </Button>
        </>
      }
    >
      {candidates.length > 1 && (
        <Select
          label="What"
          value={uri}
          choices={candidates.map((one) => [one.uri, one.label] as const)}
          onChange={setUri}
        />
      )}
      <label htmlFor={id}>Name of the model</label>
      <input
        id={id}
        className={inputClass}
        list={`${id}-known`}
        value={name}
        autoComplete="off"
        autoFocus
        onChange={(event) => setName(event.target.value)}
        onKeyDown={(event) => event.key === "Enter" && void register()}
      />
      <datalist id={`${id}-known`}>
        {known.map((one) => (
          <option key={one.name} value={one.name} />
        ))}
      </datalist>
    </Dialog>
  )
}

/** A name that is there already is as good. */
async function makeName(name: string): Promise<void> {
  try {
    await call("createRegisteredModel", { name })
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "RESOURCE_ALREADY_EXISTS") throw error
  }
}
