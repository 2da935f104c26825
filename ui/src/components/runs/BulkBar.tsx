import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { experimentsQuery } from "../../api/queries"
import type { Chosen } from "../../api/tasks"
import { count, plural } from "../../lib/format"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { ConfirmDialog, Dialog } from "../../ui/Dialog"
import { Field, Select, TextField } from "../../ui/Field"
import { useGo } from "../Link"
import { moveRuns, noteRuns, restoreRuns, stopRuns, tagRuns } from "./actions"
import styles from "./BulkBar.module.css"
import { size, type Selection } from "./selection"
import { useBusy } from "../../ui/useBusy"

export type BulkDialog = "tag" | "note" | "move" | "stop" | "delete" | null

const MOST_COMPARED = 200

/** What can be done to the runs that are chosen. */
export function BulkBar({
  selection,
  matching,
  experiments,
  isDeleted,
  idsOf,
  about,
  dialog,
  setDialog,
  onSelectAll,
  onClear,
  onHide,
  onChanged,
}: {
  selection: Selection
  matching: number
  experiments: readonly string[]
  isDeleted: boolean
  idsOf: () => Promise<string[]>
  /** The same runs, as tasks take them. */
  about: Chosen
  dialog: BulkDialog
  setDialog: (dialog: BulkDialog) => void
  onSelectAll: () => void
  onClear: () => void
  onHide: (ids: string[]) => void
  onChanged: () => void
}) {
  const go = useGo()
  const number = size(selection, matching)
  const [isBusy, once] = useBusy()
  /** The dialog stays until the server has taken over. */
  const send = (work: (onBegun: () => void) => Promise<void>) =>
    void once(
      () =>
        new Promise<void>((taken) => {
          const begun = () => {
            setDialog(null)
            taken()
          }
          void work(begun).then(taken)
        }),
    )
  if (number === 0) return null
  const tooMany = number > MOST_COMPARED && `${MOST_COMPARED} can be compared at once.`
  return (
    <div className={styles.bar} role="toolbar" aria-label="Selected runs">
      <strong data-testid="selected">{count(number)} selected</strong>
      {!selection.isAll && number < matching && (
        <Button size="s" variant="quiet" onClick={onSelectAll}>
          Select all {count(matching)} that match
        </Button>
      )}
      {isDeleted ? (
        <Button size="s" icon="restore" onClick={() => void restoreRuns(about, onChanged)}>
          Restore
        </Button>
      ) : (
        <>
          <Button
            size="s"
            icon="compare"
            disabledBecause={tooMany}
            onClick={() =>
              void idsOf().then((ids) => go(paths.compare(ids, { experiments: [...experiments] })))
            }
          >
            Compare
          </Button>
          <Button size="s" icon="tag" onClick={() => setDialog("tag")}>
            Tag
          </Button>
          <Button size="s" icon="edit" onClick={() => setDialog("note")}>
            Note
          </Button>
          <Button size="s" icon="folder" onClick={() => setDialog("move")}>
            Move
          </Button>
          <Button size="s" icon="eyeOff" onClick={() => void idsOf().then(onHide)}>
            Hide in charts
          </Button>
          <Button size="s" icon="pause" onClick={() => setDialog("stop")}>
            Stop
          </Button>
          <Button size="s" icon="trash" onClick={() => setDialog("delete")}>
            Delete
          </Button>
        </>
      )}
      <Button size="s" variant="quiet" icon="close" onClick={onClear}>
        Clear
      </Button>
      <TagDialog
        isBusy={isBusy}
        key={`tag ${dialog}`}
        open={dialog === "tag"}
        number={number}
        onClose={() => setDialog(null)}
        onTag={(key, value) => {
          send((onBegun) => tagRuns(about, { key, value }, onChanged, onBegun))
        }}
      />
      <NoteDialog
        isBusy={isBusy}
        key={`note ${dialog}`}
        open={dialog === "note"}
        number={number}
        onClose={() => setDialog(null)}
        onNote={(text) => {
          send((onBegun) => noteRuns(about, text, onChanged, onBegun))
        }}
      />
      <ConfirmDialog
        open={dialog === "stop"}
        onClose={() => setDialog(null)}
        onConfirm={() => {
          setDialog(null)
          void stopRuns(about, onChanged)
        }}
        title={`Ask ${plural(number, "run")} to stop?`}
        text="Those that go on hear of it with their next sign of life and end at their next log call; those that have ended stay as they are."
        action={`Ask ${count(number)} to stop`}
      />
      <MoveDialog
        isBusy={isBusy}
        key={`move ${dialog}`}
        open={dialog === "move"}
        number={number}
        experiments={experiments}
        onClose={() => setDialog(null)}
        onMove={(target) => {
          send((onBegun) => moveRuns(about, target, onChanged, onBegun))
        }}
      />
    </div>
  )
}

function TagDialog({
  open,
  isBusy,
  number,
  onClose,
  onTag,
}: {
  open: boolean
  isBusy: boolean
  number: number
  onClose: () => void
  onTag: (key: string, value: string) => void
}) {
  const [key, setKey] = useState("")
  const [value, setValue] = useState("")
  const act = () => {
    if (key.trim()) onTag(key.trim(), value)
  }
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={`Tag ${plural(number, "run")}`}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            onClick={act}
            disabledBecause={isBusy ? "It is being done." : !key.trim() && "A tag needs a key."}
          >
            Tag
          </Button>
        </>
      }
    >
      <div className={styles.form}>
        <Field label="Key" value={key} onChange={setKey} autoFocus onEnter={act} />
        <Field label="Value" value={value} onChange={setValue} onEnter={act} />
      </div>
    </Dialog>
  )
}

function NoteDialog({
  open,
  isBusy,
  number,
  onClose,
  onNote,
}: {
  open: boolean
  isBusy: boolean
  number: number
  onClose: () => void
  onNote: (text: string) => void
}) {
  const [text, setText] = useState("")
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={`Note on ${plural(number, "run")}`}
      text="It takes the place of the notes that they have."
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            onClick={() => text.trim() && onNote(text)}
            disabledBecause={
              isBusy ? "It is being done." : !text.trim() && "There is nothing in it yet."
            }
          >
            Write
          </Button>
        </>
      }
    >
      <TextField label="Note, in Markdown" value={text} onChange={setText} autoFocus />
    </Dialog>
  )
}

function MoveDialog({
  open,
  isBusy,
  number,
  experiments,
  onClose,
  onMove,
}: {
  open: boolean
  isBusy: boolean
  number: number
  experiments: readonly string[]
  onClose: () => void
  onMove: (target: string) => void
}) {
  const [target, setTarget] = useState("")
  const all = useQuery({ ...experimentsQuery(), enabled: open }).data ?? []
  const others = all.filter(({ experiment_id }) => !experiments.includes(experiment_id))
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={`Move ${plural(number, "run")}`}
      text="They keep their ids, their history and their files."
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            onClick={() => target && onMove(target)}
            disabledBecause={isBusy ? "It is being done." : !target && "Choose an experiment."}
          >
            Move
          </Button>
        </>
      }
    >
      <Select
        label="To experiment"
        value={target}
        onChange={setTarget}
        choices={[
          ["", "Choose…"],
          ...others.map(({ experiment_id, name }) => [experiment_id, name] as const),
        ]}
      />
    </Dialog>
  )
}
