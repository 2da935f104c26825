/** Which runs are chosen: some by id, or all that match, which stays a question and no list. */
export interface Selection {
  ids: ReadonlySet<string>
  isAll: boolean
}

export const NOTHING: Selection = { ids: new Set(), isAll: false }

export function toggled(before: Selection, id: string): Selection {
  const ids = new Set(before.isAll ? [] : before.ids)
  if (!ids.delete(id)) ids.add(id)
  return { ids, isAll: false }
}

export function added(before: Selection, more: Iterable<string>): Selection {
  return { ids: new Set([...before.ids, ...more]), isAll: false }
}

export function isChosen({ ids, isAll }: Selection, id: string): boolean {
  return isAll || ids.has(id)
}

export function size(selection: Selection, matching: number): number {
  return selection.isAll ? matching : selection.ids.size
}
