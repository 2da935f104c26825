import { useState } from "react"
import { count, plural } from "../../lib/format"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { Field } from "../../ui/Field"
import { useGo } from "../Link"
import { tagRuns } from "./actions"
import styles from "./BulkBar.module.css"
import { size, type Selection } from "./selection"

export type BulkDialog = "tag" | "delete" | null

const MOST_COMPARED = 200

/** What can be done to the runs that are chosen. */
export function BulkBar({
  selection,
  matching,
  experiments,
  isDeleted,
  idsOf,
  dialog,
  setDialog,
  onSelectAll,
  onClear,
  onHide,
  onChanged,
  onRestore,
}: {
  selection: Selection
  matching: number
  experiments: readonly string[]
  isDeleted: boolean
  idsOf: () => Promise<string[]>
  dialog: BulkDialog
  setDialog: (dialog: BulkDialog) => void
  onSelectAll: () => void
  onClear: () => void
  onHide: (ids: string[]) => void
  onChanged: () => void
  onRestore: (ids: string[]) => void
}) {
  const go = useGo()
  const number = size(selection, matching)
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
        <Button size="s" icon="restore" onClick={() => void idsOf().then(onRestore)}>
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
          <Button size="s" icon="eyeOff" onClick={() => void idsOf().then(onHide)}>
            Hide in charts
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
        key={dialog}
        open={dialog === "tag"}
        number={number}
        onClose={() => setDialog(null)}
        onTag={async (key, value, onProgress) => {
          await tagRuns(await idsOf(), key, value, onProgress)
          setDialog(null)
          onChanged()
        }}
      />
    </div>
  )
}

function TagDialog({
  open,
  number,
  onClose,
  onTag,
}: {
  open: boolean
  number: number
  onClose: () => void
  onTag: (key: string, value: string, onProgress: (done: number) => void) => Promise<void>
}) {
  const [key, setKey] = useState("")
  const [value, setValue] = useState("")
  const [done, setDone] = useState<number | null>(null)
  const isBusy = done !== null
  const act = () => {
    if (isBusy || !key.trim()) return
    setDone(0)
    void onTag(key.trim(), value, setDone)
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
            {isBusy ? `${count(done)} of ${count(number)}` : "Tag"}
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
