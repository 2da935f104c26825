import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useEffectEvent, useRef, useState } from "react"
import { call } from "../../api/client"
import type { View as SavedView } from "../../api/generated"
import { useShortcuts } from "../../lib/keys"
import { DEFAULT_VIEW, difference, isUsual, viewOf, type View } from "../../lib/view"
import { Button } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { Checkbox, Field } from "../../ui/Field"
import { Menu } from "../../ui/Menu"
import { toast } from "../../ui/Toast"
import { useBusy } from "../../ui/useBusy"

const FORMAT = 1

export const viewsQuery = (experiment_id: string) =>
  queryOptions({
    queryKey: ["views", experiment_id],
    queryFn: async ({ signal }) =>
      (await call("searchViews", { experiment_id }, { signal })).views ?? [],
  })

/** Views that were saved under a name: to be taken up, kept, dropped. */
export function ViewMenu({
  experiment,
  named,
  view,
  change,
}: {
  experiment: string
  /** The id of the view that the address has named. */
  named: string | null
  view: View
  change: (patch: Partial<View>) => void
}) {
  const client = useQueryClient()
  const { data: views } = useQuery(viewsQuery(experiment))
  const found = views ?? []
  const [isSaving, setSaving] = useState(false)
  const [name, setName] = useState("")
  const [isShared, setShared] = useState(false)
  const [isDefault, setDefault] = useState(false)
  /** The saved view that was taken up last, by its id. */
  const [takenId, setTaken] = useState<string | null>(named)
  const taken = found.find((one) => one.view_id === takenId)
  const document = written(view)
  const isChanged = taken !== undefined && document !== rewritten(taken.document)
  const refresh = () => client.invalidateQueries({ queryKey: ["views", experiment] })
  const act = async (work: Promise<unknown>, done: string) => {
    try {
      await work
      toast.done(done)
    } catch (error) {
      toast.failed("The view is as it was", error)
    }
    await refresh()
  }
  const take = (saved: SavedView) => {
    const known = readView(saved.document)
    if (known === null)
      toast.failed("This is the usual view", new Error("The saved one is of another version."))
    setTaken(saved.view_id)
    change({ ...DEFAULT_VIEW, ...known })
  }
  const [isBusy, once] = useBusy()
  const save = async () => {
    const label = name.trim()
    if (!label) return
    const same = found.find((one) => one.name === label)
    const kept = { document, format: FORMAT, is_shared: isShared, is_default: isDefault }
    const work = same
      ? call("updateView", { view_id: same.view_id, ...kept })
      : call("createView", { experiment_id: experiment, name: label, ...kept })
    await act(
      work.then((answer) => {
        setTaken(answer.view.view_id)
        setSaving(false)
      }),
      `Saved as ${label}`,
    )
  }
  const ask = () => {
    setName(taken?.name ?? "")
    setShared(taken?.is_shared ?? false)
    setDefault(taken?.is_default ?? false)
    setSaving(true)
  }
  /** An address that says nothing opens with the view that its person has chosen, or everybody. */
  const open = useEffectEvent((all: readonly SavedView[]) => {
    const first =
      all.find((one) => one.is_default && !one.is_shared) ?? all.find((one) => one.is_default)
    if (first && isUsual(view)) take(first)
  })
  const isOpened = useRef(named !== null || !isUsual(view))
  useEffect(() => {
    if (views === undefined || isOpened.current) return
    isOpened.current = true
    open(views)
  }, [views])
  useShortcuts([
    {
      keys: "ctrl+s",
      label: "Save the view",
      group: "Workspace",
      inFields: true,
      run: ask,
    },
  ])
  return (
    <>
      <Menu
        trigger={
          <Button variant="quiet" size="s" icon="save" data-changed={isChanged || undefined}>
            {taken?.name ?? "Views"}
            {isChanged && <span title="Changed since it was saved"> •</span>}
          </Button>
        }
        list={[
          ...found.map((one) => ({
            label: `${one.name ?? ""}${one.is_default ? ", opens first" : ""}`,
            icon: one.is_shared ? ("user" as const) : ("eye" as const),
            onSelect: () => take(one),
          })),
          ...(found.length > 0 ? (["line"] as const) : []),
          {
            label: "Save this view",
            icon: "save",
            keys: "ctrl+s",
            onSelect: ask,
          },
          ...(taken && isChanged
            ? [
                {
                  label: `Back to ${taken.name ?? ""}`,
                  icon: "restore" as const,
                  onSelect: () => take(taken),
                },
              ]
            : []),
          {
            label: "Back to the usual",
            icon: "restore",
            onSelect: () => {
              setTaken(null)
              change({ ...DEFAULT_VIEW })
            },
          },
          ...(found.length > 0 ? [{ heading: "Delete" }] : []),
          ...found.map((one) => ({
            label: one.name ?? "",
            icon: "trash" as const,
            isDangerous: true,
            onSelect: () =>
              void act(call("deleteView", { view_id: one.view_id }), `${one.name ?? "It"} is gone`),
          })),
        ]}
      />
      <Dialog
        open={isSaving}
        onClose={() => setSaving(false)}
        title="Save the view"
        foot={
          <>
            <Button onClick={() => setSaving(false)}>Cancel</Button>
            <Button
              variant="primary"
              onClick={() => void once(save)}
              disabledBecause={isBusy ? "It is being done." : !name.trim() && "It needs a name."}
            >
              Save
            </Button>
          </>
        }
      >
        <Field
          label="Name"
          value={name}
          onChange={setName}
          onEnter={() => void once(save)}
          autoFocus
          hint="Query, columns, order, groups and panels. The same name replaces what it stood for."
        />
        <Checkbox label="Everybody sees it" checked={isShared} onChange={setShared} />
        <Checkbox label="The experiment opens with it" checked={isDefault} onChange={setDefault} />
      </Dialog>
    </>
  )
}

/** A view as it is saved: what was selected is of the moment. */
function written(view: View): string {
  return JSON.stringify({ ...difference(view), selected: undefined, v: FORMAT })
}

export function readView(document: string): View | null {
  try {
    return viewOf(JSON.parse(document))
  } catch {
    return null
  }
}

/** A saved document as this page would save it: scripts write theirs in their own way. */
function rewritten(document: string): string {
  const known = readView(document)
  return known === null ? document : written(known)
}
