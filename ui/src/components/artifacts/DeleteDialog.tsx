import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import type { ArtifactsDeleted } from "../../api/generated"
import { bytes, count, plural } from "../../lib/format"
import { ConfirmDialog, FOR_GOOD } from "../../ui/Dialog"
import { toast } from "../../ui/Toast"
import { remove, type Source } from "./source"

/** Says how much would go, and lets it go when the words are written. */
export function DeleteDialog({
  source,
  paths,
  onClose,
  onDone,
}: {
  source: Source
  paths: readonly string[]
  onClose: () => void
  onDone: () => Promise<void>
}) {
  const [isBusy, setBusy] = useState(false)
  const plan = useQuery({
    queryKey: ["artifact-removal", source.kind, source.id, paths],
    queryFn: ({ signal }) => remove(source, { paths: [...paths], dry_run: true }, signal),
    // What is on its way out is not asked about again, whatever changes meanwhile.
    enabled: !isBusy,
    gcTime: 0,
  })
  const confirm = async () => {
    setBusy(true)
    try {
      const { files } = await remove(source, { paths: [...paths], dry_run: false })
      toast.done(`${plural(files, "file")} deleted`)
    } catch (error) {
      toast.failed("It was not deleted, or not all of it", error)
    }
    onClose()
    await onDone()
  }
  const [only] = paths
  const what = paths.length === 1 ? only : `${count(paths.length)} files and folders`
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      onConfirm={() => void confirm()}
      title={`Delete ${what} for good?`}
      text={
        plan.data ? told(plan.data) : plan.isError ? plan.error.message : "Counting what would go…"
      }
      typed={FOR_GOOD}
      refused={plan.isError ? plan.error.message : null}
      action="Delete for good"
      isBusy={isBusy}
    />
  )
}

const told = ({ files, bytes: size }: ArtifactsDeleted) =>
  files === 0
    ? "Nothing is there any more."
    : `This removes ${plural(files, "file")} (${bytes(size)}), and cannot be undone: files do not go to the trash.`
