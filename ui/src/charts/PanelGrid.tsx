import { useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react"
import { Icon } from "../ui/Icon"
import type { Panel, Size } from "./layout"
import styles from "./PanelGrid.module.css"
import { useNear } from "./useNear"

const ROW_PX = 80
const GAP_PX = 12

interface Drag {
  id: string
  /** Which panel it will stand before; null: the last. */
  before: string | null
}

/** Panels on twelve columns: moved by their grip, sized by their corner, with pointer or arrow keys. */
export function PanelGrid({
  label,
  panels,
  onMove,
  onResize,
  children,
}: {
  label: string
  panels: readonly Panel[]
  onMove: (panel: Panel, before: string | null) => void
  onResize: (panel: Panel, size: Size) => void
  children: (panel: Panel, grip: ReactNode) => ReactNode
}) {
  const grid = useRef<HTMLDivElement>(null)
  const [drag, setDrag] = useState<Drag | null>(null)
  const [sizing, setSizing] = useState<(Size & { id: string }) | null>(null)

  const beforeAt = (event: PointerEvent, id: string): string | null => {
    const cells = [...(grid.current?.querySelectorAll<HTMLElement>("[data-panel]") ?? [])]
    for (const cell of cells) {
      const { left, right, top, bottom } = cell.getBoundingClientRect()
      const isInside =
        event.clientX >= left &&
        event.clientX <= right &&
        event.clientY >= top &&
        event.clientY <= bottom
      if (!isInside) continue
      const isFirstHalf = event.clientX < (left + right) / 2
      const at = panels.findIndex((panel) => panel.id === cell.dataset["panel"])
      const target = isFirstHalf ? panels[at] : panels[at + 1]
      return target?.id === id
        ? (panels[panels.findIndex((one) => one.id === id) + 1]?.id ?? null)
        : (target?.id ?? null)
    }
    return drag?.before ?? null
  }

  const grip = (panel: Panel) => (
    <button
      type="button"
      className={styles.grip}
      aria-label={`Move ${panel.title}`}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        const at = panels.findIndex(({ id }) => id === panel.id)
        setDrag({ id: panel.id, before: panels[at + 1]?.id ?? null })
      }}
      onPointerMove={(event) => {
        if (drag) setDrag({ id: panel.id, before: beforeAt(event, panel.id) })
      }}
      onPointerUp={() => {
        if (!drag) return
        const at = panels.findIndex(({ id }) => id === panel.id)
        if (drag.before !== (panels[at + 1]?.id ?? null)) onMove(panel, drag.before)
        setDrag(null)
      }}
      onPointerCancel={() => setDrag(null)}
      onKeyDown={(event) => {
        const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key]
        if (!by) return
        event.preventDefault()
        event.stopPropagation()
        const at = panels.findIndex(({ id }) => id === panel.id)
        const target = by < 0 ? panels[at - 1] : panels[at + 2]
        if (by < 0 ? at > 0 : at < panels.length - 1) onMove(panel, target?.id ?? null)
      }}
    >
      <Icon name="grip" size={14} />
    </button>
  )

  const corner = (panel: Panel, size: Size) => (
    <button
      type="button"
      className={styles.corner}
      aria-label={`Size of ${panel.title}: ${panel.w} of 12 wide, ${panel.h} high`}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        setSizing({ id: panel.id, w: panel.w, h: panel.h })
      }}
      onPointerMove={(event) => {
        if (sizing?.id !== panel.id) return
        const cell = event.currentTarget.closest<HTMLElement>("[data-panel]")
        if (!cell || !grid.current) return
        const box = cell.getBoundingClientRect()
        const column = (grid.current.clientWidth + GAP_PX) / 12
        setSizing({
          id: panel.id,
          w: clamp(Math.round((event.clientX - box.left + GAP_PX) / column), 2, 12),
          h: clamp(Math.round((event.clientY - box.top + GAP_PX) / (ROW_PX + GAP_PX)), 2, 12),
        })
      }}
      onPointerUp={() => {
        if (sizing?.id === panel.id && (sizing.w !== panel.w || sizing.h !== panel.h)) {
          onResize(panel, size)
        }
        setSizing(null)
      }}
      onPointerCancel={() => setSizing(null)}
      onKeyDown={(event: KeyboardEvent) => {
        const by: Record<string, [number, number]> = {
          ArrowLeft: [-1, 0],
          ArrowRight: [1, 0],
          ArrowUp: [0, -1],
          ArrowDown: [0, 1],
        }
        const change = by[event.key]
        if (!change) return
        event.preventDefault()
        event.stopPropagation()
        onResize(panel, { w: panel.w + change[0], h: panel.h + change[1] })
      }}
    />
  )

  return (
    <div ref={grid} className={styles.grid} role="group" aria-label={label}>
      {panels.map((panel) => {
        const size = sizing?.id === panel.id ? sizing : panel
        return (
          <Cell
            key={panel.id}
            panel={panel}
            size={size}
            isMoving={drag?.id === panel.id}
            isTarget={drag !== null && drag.before === panel.id}
          >
            {() => (
              <>
                {children(panel, grip(panel))}
                {corner(panel, size)}
              </>
            )}
          </Cell>
        )
      })}
    </div>
  )
}

/** The place of a panel; what is in it is made when it comes within a screen of sight. */
function Cell({
  panel,
  size,
  isMoving,
  isTarget,
  children,
}: {
  panel: Panel
  size: Size
  isMoving: boolean
  isTarget: boolean
  children: () => ReactNode
}) {
  const [ref, isNear] = useNear()
  return (
    <div
      ref={ref}
      className={styles.cell}
      data-panel={panel.id}
      data-w={size.w}
      data-h={size.h}
      data-moving={isMoving ? "" : undefined}
      data-target={isTarget ? "" : undefined}
      style={{ ["--w" as string]: size.w, ["--h" as string]: size.h }}
    >
      {isNear && children()}
    </div>
  )
}

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value))
