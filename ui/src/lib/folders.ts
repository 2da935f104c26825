/** Experiments as folders: what stands before a `/` in their names. */

export interface Folder {
  /** The whole path, "" for the top. */
  path: string
  name: string
  folders: Folder[]
  /** Experiments right in it. */
  ids: string[]
  /** Experiments in it and below. */
  count: number
}

export function foldersOf(list: readonly { experiment_id: string; name: string }[]): Folder {
  const top: Folder = { path: "", name: "", folders: [], ids: [], count: 0 }
  const known = new Map([["", top]])
  const folder = (path: string): Folder => {
    const held = known.get(path)
    if (held) return held
    const made: Folder = {
      path,
      name: path.slice(path.lastIndexOf("/") + 1),
      folders: [],
      ids: [],
      count: 0,
    }
    known.set(path, made)
    folder(parentOf(path)).folders.push(made)
    return made
  }
  for (const { experiment_id, name } of list) {
    const path = parentOf(name)
    folder(path).ids.push(experiment_id)
    for (let at = path; ; at = parentOf(at)) {
      folder(at).count++
      if (at === "") break
    }
  }
  for (const one of known.values()) one.folders.sort((a, b) => a.name.localeCompare(b.name))
  return top
}

export function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")))
}

export function leafOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1)
}
