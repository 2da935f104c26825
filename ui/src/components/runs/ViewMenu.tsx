import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { call } from "../../api/client"
import { useShortcuts } from "../../lib/keys"
import { DEFAULT_VIEW, difference, viewOf, type View } from "../../lib/view"
import { Button } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { Checkbox, Field } from "../../ui/Field"
import { Menu } from "../../ui/Menu"
import { toast } from "../../ui/Toast"

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
  view,
  change,
}: {
  experiment: string
  view: View
  change: (patch: Partial<View>) => void
}) {
  const client = useQueryClient()
  const found = useQuery(viewsQuery(experiment)).data ?? []
  const [isSaving, setSaving] = useState(false)
  const [name, setName] = useState("")
  const [isShared, setShared] = useState(false)
  const document = JSON.stringify({ ...difference(view), selected: undefined, v: FORMAT })
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
  const take = (text: string) => {
    let known: View | null = null
    try {
      known = viewOf(JSON.parse(text))
    } catch {
      // Said below, as of all that is not understood.
    }
    if (known === null)
      toast.failed("This is the usual view", new Error("The saved one is of another version."))
    change({ ...DEFAULT_VIEW, ...known })
  }
  const save = () => {
    if (!name.trim()) return
    setSaving(false)
    const same = found.find((one) => one.name === name.trim())
    const work = same
      ? call("updateView", { view_id: same.view_id, document, format: FORMAT, is_shared: isShared })
      : call("createView", {
          experiment_id: experiment,
          name: name.trim(),
          document,
          format: FORMAT,
          is_shared: isShared,
        })
    void act(work, `Saved as ${name.trim()}`)
  }
  useShortcuts([
    {
      keys: "ctrl+s",
      label: "Save the view",
      group: "Workspace",
      inFields: true,
      run: () => setSaving(true),
    },
  ])
  return (
    <>
      <Menu
        trigger={
          <Button variant="quiet" size="s" icon="save">
            Views
          </Button>
        }
        list={[
          ...found.map((one) => ({
            label: one.name ?? "",
            icon: one.is_shared ? ("user" as const) : ("eye" as const),
            onSelect: () => take(one.document),
          })),
          ...(found.length > 0 ? (["line"] as const) : []),
          {
            label: "Save this view",
            icon: "save",
            keys: "ctrl+s",
            onSelect: () => setSaving(true),
          },
          {
            label: "Back to the usual",
            icon: "restore",
            onSelect: () => change({ ...DEFAULT_VIEW }),
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
              onClick={save}
              disabledBecause={!name.trim() && "It needs a name."}
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
          onEnter={save}
          autoFocus
          hint="Query, columns, order, groups and panels. The same name replaces what it stood for."
        />
        <Checkbox label="Everybody sees it" checked={isShared} onChange={setShared} />
      </Dialog>
    </>
  )
}
