import { useQuery, queryOptions, keepPreviousData } from "@tanstack/react-query"
import { useState } from "react"
import { call } from "../../api/client"
import { X_KINDS } from "../../charts/axes"
import { ExpressionError, parseExpression } from "../../charts/expression"
import { SPREADS } from "../../charts/group"
import {
  DEFAULT_SIZE,
  PANEL_KINDS,
  type Panel,
  type PanelKind,
  type PanelSettings,
} from "../../charts/layout"
import { Button, IconButton } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { Checkbox, Field, SearchField, Select } from "../../ui/Field"
import styles from "./Panels.module.css"
import { columnOf, keyOf, type Scope } from "./scope"
import { SmoothingControl } from "./Smoothing"

const MOST_FOUND = 50

/** How many columns a kind takes. */
const MOST: Record<PanelKind, number> = {
  line: 8,
  bar: 1,
  scatter: 3,
  contour: 3,
  parallel: 12,
  box: 2,
  heat: 24,
  histogram: 1,
}

const WIDE = new Set<PanelKind>(["parallel", "heat", "histogram"])

const foundKeysQuery = (scope: Scope, kind: "metric" | "param", contains: string) =>
  queryOptions({
    queryKey: ["panel-keys", scope.experimentIds, scope.match, kind, contains],
    queryFn: async ({ signal }) => {
      const { match, experimentIds } = scope
      const asked = {
        experiment_ids: [...experimentIds],
        filter: match?.filter,
        text: match?.text,
        kind,
        contains,
        order: "coverage" as const,
        limit: MOST_FOUND,
      }
      return await call("findRunKeys", asked, { signal })
    },
    placeholderData: keepPreviousData,
  })

/** What a panel draws, and how. */
export default function PanelEditor({
  scope,
  panel,
  settings: initial,
  onClose,
  onDone,
}: {
  scope: Scope
  /** null: a new one. */
  panel: Panel | null
  settings: PanelSettings
  onClose: () => void
  onDone: (panel: Omit<Panel, "id">) => void
}) {
  const [kind, setKind] = useState<PanelKind>(panel?.kind ?? "line")
  const [keys, setKeys] = useState<readonly string[]>(panel?.keys ?? [])
  const [title, setTitle] = useState(panel?.title ?? "")
  const [settings, setSettings] = useState(initial)
  const [expression, setExpression] = useState("")
  const [contains, setContains] = useState("")
  const change = (part: Partial<PanelSettings>) => setSettings({ ...settings, ...part })
  const isLine = kind === "line"
  const problem = isLine && expression.trim() ? wrong(expression) : null
  const metrics = useQuery(foundKeysQuery(scope, "metric", contains))
  const params = useQuery({ ...foundKeysQuery(scope, "param", contains) })

  const room = MOST[kind] - keys.length
  const name = (key: string) => (isLine ? key : keyOf(key))
  const add = (key: string) => {
    if (!keys.includes(key) && room > 0) setKeys([...keys, key])
  }
  const addExpression = () => {
    if (problem !== null || !expression.trim()) return
    add(expression.trim())
    setExpression("")
  }
  const turn = (next: PanelKind) => {
    // Lines are of metrics, all others of columns.
    if ((next === "line") !== isLine) {
      setKeys(
        next === "line"
          ? keys.filter((key) => key.startsWith("metrics.")).map(keyOf)
          : keys.map((key) => columnOf("metrics", key)),
      )
    }
    setKind(next)
  }
  const found = [
    ...(metrics.data?.keys ?? []).map(({ key, runs }) => ({
      key: isLine ? quotedKey(key) : columnOf("metrics", key),
      label: key,
      note: `metric, ${runs} runs`,
    })),
    ...(isLine
      ? []
      : (params.data?.keys ?? []).map(({ key, runs }) => ({
          key: columnOf("params", key),
          label: key,
          note: `param, ${runs} runs`,
        }))),
  ].filter(({ key }) => !keys.includes(key))

  return (
    <Dialog
      open
      onClose={onClose}
      size="wide"
      title={panel ? `Edit ${panel.title}` : "New panel"}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            disabledBecause={keys.length === 0 && "Choose what it shows first."}
            onClick={() =>
              onDone({
                kind,
                keys,
                title: title.trim() || keys.map(name).join(kind === "line" ? ", " : " × "),
                settings: difference(settings, initial, panel?.settings ?? {}),
                w: panel?.w ?? (WIDE.has(kind) ? 8 : DEFAULT_SIZE.w),
                h: panel?.h ?? (WIDE.has(kind) ? 4 : DEFAULT_SIZE.h),
              })
            }
          >
            {panel ? "Save" : "Add"}
          </Button>
        </>
      }
    >
      <div className={styles.pair}>
        <Select label="Kind" value={kind} choices={PANEL_KINDS} onChange={turn} />
        <Field
          label="Title"
          value={title}
          onChange={setTitle}
          placeholder={keys.map(name).join(", ")}
        />
      </div>
      <div className={styles.chips} role="list" aria-label="Shown">
        {keys.map((key) => (
          <span key={key} role="listitem" className={styles.chip}>
            <span>{name(key)}</span>
            <IconButton
              icon="close"
              size="s"
              label={`Leave out ${name(key)}`}
              onClick={() => setKeys(keys.filter((one) => one !== key))}
            />
          </span>
        ))}
      </div>
      {isLine && (
        <Field
          label="Expression"
          value={expression}
          onChange={setExpression}
          onEnter={addExpression}
          placeholder="train/loss - val/loss, log(loss), a / b"
          hint="Names of metrics, + − * / with blanks around /, log, log10, exp, sqrt, abs. Enter adds it."
          error={problem && `${problem.message} ${marked(expression, problem.at)}`}
        />
      )}
      <SearchField label="Find metrics and params" value={contains} onChange={setContains} />
      <div className={styles.choices} role="group" aria-label="Found">
        {found.map(({ key, label, note }) => (
          <button key={key} type="button" disabled={room <= 0} onClick={() => add(key)}>
            {label}
            <small>{note}</small>
          </button>
        ))}
      </div>
      {isLine && (
        <div className={styles.pair}>
          <Select
            label="Horizontal axis"
            value={settings.x}
            choices={X_KINDS}
            onChange={(x) => change({ x })}
          />
          {settings.x === "metric" ? (
            <Field
              label="Metric on it"
              value={settings.xMetric}
              onChange={(xMetric) => change({ xMetric })}
            />
          ) : (
            <span />
          )}
          <div>
            <SmoothingControl
              value={settings.smoothing}
              onChange={(smoothing) => change({ smoothing })}
            />
          </div>
          <div>
            <Select
              label="Group runs by"
              value={settings.group}
              choices={[
                ["", "Not grouped"] as const,
                ...(params.data?.keys ?? []).map(
                  ({ key }) => [columnOf("params", key), key] as const,
                ),
              ]}
              onChange={(group) => change({ group })}
            />
            {settings.group && (
              <Select
                label="Band"
                value={settings.spread}
                choices={SPREADS}
                onChange={(spread) => change({ spread })}
              />
            )}
          </div>
          <Checkbox label="Log x" checked={settings.logX} onChange={(logX) => change({ logX })} />
          <Checkbox label="Log y" checked={settings.logY} onChange={(logY) => change({ logY })} />
        </div>
      )}
    </Dialog>
  )
}

/** What this panel says otherwise than the shared settings did when it was opened. */
function difference(
  settings: PanelSettings,
  initial: PanelSettings,
  own: Partial<PanelSettings>,
): Partial<PanelSettings> {
  const changed = Object.entries(settings).filter(
    ([key, value]) => initial[key as keyof PanelSettings] !== value,
  )
  return { ...own, ...(Object.fromEntries(changed) as Partial<PanelSettings>) }
}

function wrong(text: string): ExpressionError | null {
  try {
    parseExpression(text)
    return null
  } catch (error) {
    if (error instanceof ExpressionError) return error
    throw error
  }
}

/** The expression with a mark where it is wrong. */
function marked(text: string, at: number): string {
  return `${text.slice(0, at)}⟨${text.slice(at, at + 1) || " "}⟩${text.slice(at + 1)}`
}

/** A metric's name as expressions take it. */
function quotedKey(key: string): string {
  try {
    const { root } = parseExpression(key)
    if (root.is === "metric" && root.key === key) return key
  } catch {
    // Not a plain name.
  }
  return `\`${key}\``
}
