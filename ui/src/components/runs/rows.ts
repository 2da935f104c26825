/**
 * Rows of a table of runs, fetched in blocks as they come into sight, and column by column: another
 * column asks for that column only. The order stays as it was until somebody asks for a new one.
 */

import type { GroupValue, QueryRunTable, RunTable } from "../../api/generated"

export type Cell = string | number | boolean | null | undefined | unknown[]

export interface RunRow {
  kind: "run"
  id: string
  depth: number
  /** False: shown only because a run below it matches. */
  matches: boolean
  children: number
  descendants: number
  cell: (column: string) => Cell
}

export interface GroupRow {
  kind: "group"
  id: string
  values: GroupValue[]
  runs: number
  isOpen: boolean
  /** Mean and standard deviation of a column of numbers. */
  stats: (column: string) => { count: number; mean: number | null; std: number | null } | null
}

export type Row = RunRow | GroupRow

export type Ask = (query: QueryRunTable, signal: AbortSignal) => Promise<RunTable>

/** What decides which rows there are, and in which order. */
export type Spec = Pick<
  QueryRunTable,
  "experiment_ids" | "filter" | "text" | "view" | "order_by" | "maximize" | "within" | "group_by"
> & { tree?: { expanded: string[] } | undefined }

export const BLOCK = 100

interface Block {
  ids: string[]
  rows: Row[]
  cells: Map<string, Cell[]>
  groups: RunTable["groups"]
  tree: RunTable["tree"]
  /** Columns that are on their way. */
  pending: Set<string>
}

export class RunRows {
  /** Rows there are; null until the first answer. */
  total: number | null = null
  /** Runs that match. */
  runs = 0
  error: unknown = null
  /** When the server last told of them. */
  heardAt = 0
  version = 0

  private readonly blocks = new Map<number, Block>()
  private readonly controller = new AbortController()
  private readonly listeners = new Set<() => void>()
  private first: Promise<void> | null = null
  cursor: string | undefined

  constructor(
    private readonly ask: Ask,
    readonly spec: Spec,
    cursor?: string,
  ) {
    this.cursor = cursor
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  getVersion = () => this.version

  at(index: number): Row | undefined {
    return this.blocks.get(Math.floor(index / BLOCK))?.rows[index % BLOCK]
  }

  /** Where a run is, as far as it is known. */
  indexOf(id: string): number {
    for (const [number, block] of this.blocks) {
      const within = block.ids.indexOf(id)
      if (within >= 0) return number * BLOCK + within
    }
    return -1
  }

  /** Fetches what rows *from* to *to* (inclusive) lack of *columns*. */
  ensure(from: number, to: number, columns: readonly string[]): void {
    const last = this.total === null ? from : Math.min(to, this.total - 1)
    for (let number = Math.floor(from / BLOCK); number <= Math.floor(last / BLOCK); number++) {
      const block = this.blocks.get(number)
      const missing = block
        ? columns.filter((one) => !block.cells.has(one) && !block.pending.has(one))
        : [...columns]
      if (!block || missing.length > 0) void this.load(number, missing)
    }
  }

  /** Asks again for the cells of rows *from* to *to*, in the order that they have. */
  async refresh(from: number, to: number, columns: readonly string[]): Promise<void> {
    const work = []
    for (let number = Math.floor(from / BLOCK); number <= Math.floor(to / BLOCK); number++) {
      if (this.blocks.has(number)) work.push(this.load(number, [...columns], true))
    }
    await Promise.all(work)
  }

  /** How many runs match by now. */
  async count(): Promise<number> {
    const { group_by: _, tree: __, ...spec } = this.spec
    return (await this.ask({ ...spec, limit: 0 }, this.controller.signal)).runs
  }

  /** The ids of rows *from* to *to*, also of those that nobody has seen. */
  async ids(from: number, to: number): Promise<string[]> {
    const found: string[] = []
    for (let offset = from; offset <= to; offset += 1000) {
      const limit = Math.min(1000, to - offset + 1)
      const answer = await this.ask(
        { ...this.spec, cursor: this.cursor, offset, limit },
        this.controller.signal,
      )
      found.push(...(answer.run_ids ?? []))
    }
    return found
  }

  close(): void {
    this.controller.abort()
    this.listeners.clear()
  }

  private async load(number: number, columns: string[], again = false): Promise<void> {
    const known = this.blocks.get(number)
    const block: Block = known ?? {
      ids: [],
      rows: [],
      cells: new Map(),
      groups: undefined,
      tree: undefined,
      pending: new Set(),
    }
    this.blocks.set(number, block)
    for (const column of columns) block.pending.add(column)
    try {
      // All others wait for the first, whose cursor fixes the order.
      if (this.cursor === undefined && this.first) await this.first
      const asking = this.ask(
        { ...this.spec, columns, cursor: this.cursor, offset: number * BLOCK, limit: BLOCK },
        this.controller.signal,
      )
      if (this.cursor === undefined)
        this.first = asking.then(
          () => undefined,
          () => undefined,
        )
      this.take(block, columns, await asking)
      this.error = null
    } catch (error) {
      if (this.controller.signal.aborted) return
      if (!known && !again) this.blocks.delete(number)
      this.error = error
      this.first = null
    } finally {
      for (const column of columns) block.pending.delete(column)
    }
    this.tell()
  }

  private take(block: Block, columns: string[], answer: RunTable): void {
    this.heardAt = Date.now()
    this.cursor = answer.cursor
    this.total = answer.total
    this.runs = answer.runs
    block.groups = this.spec.group_by?.length
      ? mergedGroups(block.groups, answer.groups, columns)
      : undefined
    block.tree = answer.tree
    block.ids = answer.run_ids ?? []
    for (const [at, { values = [] }] of (answer.columns ?? []).entries()) {
      block.cells.set(columns[at] ?? "", values as Cell[])
    }
    block.rows = block.groups ? groupRows(block.groups) : runRows(block)
  }

  private tell(): void {
    this.version++
    for (const listener of [...this.listeners]) listener()
  }
}

function runRows(block: Block): RunRow[] {
  return block.ids.map((id, at) => ({
    kind: "run",
    id,
    depth: block.tree?.depth?.[at] ?? 0,
    matches: block.tree?.matches?.[at] ?? true,
    children: block.tree?.children?.[at] ?? 0,
    descendants: block.tree?.descendants?.[at] ?? 0,
    cell: (column) => block.cells.get(column)?.[at],
  }))
}

type Groups = NonNullable<RunTable["groups"]>

function mergedGroups(
  before: RunTable["groups"],
  now: RunTable["groups"],
  asked: string[],
): Groups {
  const columns = new Map((before?.columns ?? []).map((one) => [one.name, one]))
  for (const [at, one] of (now?.columns ?? []).entries()) {
    const name = asked[at] ?? one.name
    columns.set(name, { ...one, name })
  }
  return { ...before, ...now, columns: [...columns.values()] }
}

function groupRows(groups: Groups): GroupRow[] {
  return (groups.runs ?? []).map((runs, at) => {
    const values = (groups.keys ?? []).map(({ name, values: of = [] }) => {
      const value = of[at] as string | null | undefined
      return value === null || value === undefined ? { column: name } : { column: name, value }
    })
    return {
      kind: "group",
      id: JSON.stringify(values.map(({ value }) => value ?? null)),
      values,
      runs,
      isOpen: false,
      stats: (column) => {
        const found = groups.columns?.find(({ name }) => name === column)
        const count = found?.count?.[at]
        if (!found || count === undefined) return null
        const [mean, std] = [found.mean?.[at], found.std?.[at]] as (number | null | undefined)[]
        return { count, mean: mean ?? null, std: std ?? null }
      },
    }
  })
}

/** Groups with the runs of those that are open between them. */
export class GroupedRows {
  private readonly open = new Map<string, { at: number; rows: RunRows; unsubscribe: () => void }>()
  private readonly listeners = new Set<() => void>()
  private version = 0

  constructor(
    private readonly ask: Ask,
    readonly groups: RunRows,
  ) {
    groups.subscribe(this.tell)
  }

  get total(): number | null {
    if (this.groups.total === null) return null
    return (
      this.groups.total +
      [...this.open.values()].reduce((sum, { rows }) => sum + (rows.total ?? 0), 0)
    )
  }

  get runs(): number {
    return this.groups.runs
  }

  get error(): unknown {
    return this.groups.error
  }

  get heardAt(): number {
    return this.groups.heardAt
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  getVersion = () => this.version

  isOpen(id: string): boolean {
    return this.open.has(id)
  }

  toggle(index: number): void {
    const row = this.at(index)
    if (row?.kind !== "group") return
    const held = this.open.get(row.id)
    if (held) {
      held.unsubscribe()
      held.rows.close()
      this.open.delete(row.id)
    } else {
      const { group_by: _, tree: __, ...spec } = this.groups.spec
      const rows = new RunRows(this.ask, { ...spec, within: row.values })
      this.open.set(row.id, {
        at: this.place(index).group,
        rows,
        unsubscribe: rows.subscribe(this.tell),
      })
      rows.ensure(0, BLOCK - 1, [])
    }
    this.tell()
  }

  at(index: number): Row | undefined {
    const { group, within } = this.place(index)
    const row = this.groups.at(group)
    if (row?.kind !== "group") return undefined
    const held = this.open.get(row.id)
    if (within < 0) return { ...row, isOpen: held !== undefined }
    const found = held?.rows.at(within)
    return found?.kind === "run" ? { ...found, depth: 1 } : undefined
  }

  indexOf(): number {
    return -1
  }

  ensure(from: number, to: number, columns: readonly string[]): void {
    const start = this.place(from)
    const end = this.place(Math.max(from, to))
    this.groups.ensure(start.group, end.group, columns)
    for (const { at, rows } of this.open.values()) {
      if (at < start.group || at > end.group) continue
      const first = at === start.group ? Math.max(0, start.within) : 0
      const last = at === end.group ? Math.max(0, end.within) : (rows.total ?? BLOCK) - 1
      rows.ensure(first, last, columns)
    }
  }

  async refresh(from: number, to: number, columns: readonly string[]): Promise<void> {
    await this.groups.refresh(this.place(from).group, this.place(to).group, columns)
  }

  count(): Promise<number> {
    return this.groups.count()
  }

  async ids(from: number, to: number): Promise<string[]> {
    const found: string[] = []
    for (let index = from; index <= to; index++) {
      const row = this.at(index)
      if (row?.kind === "run") found.push(row.id)
    }
    return found
  }

  close(): void {
    this.groups.close()
    for (const { rows } of this.open.values()) rows.close()
    this.listeners.clear()
  }

  /** Which group a row belongs to, and which of its runs it is; -1: the group's own row. */
  private place(index: number): { group: number; within: number } {
    let before = 0
    for (const { at, rows } of [...this.open.values()].sort((a, b) => a.at - b.at)) {
      const start = at + before
      const size = rows.total ?? 0
      if (index <= start) break
      if (index <= start + size) return { group: at, within: index - start - 1 }
      before += size
    }
    return { group: index - before, within: -1 }
  }

  private tell = () => {
    this.version++
    for (const listener of [...this.listeners]) listener()
  }
}

export type AnyRows = RunRows | GroupedRows

export function rowsFor(ask: Ask, spec: Spec, cursor?: string): AnyRows {
  const rows = new RunRows(ask, spec, cursor)
  return spec.group_by?.length ? new GroupedRows(ask, rows) : rows
}
