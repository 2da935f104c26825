import { useEffect, useState } from "react"
import { store, useStore } from "../lib/store"
import { Button, IconButton } from "./Button"
import { Icon } from "./Icon"
import styles from "./Toast.module.css"

interface ToastState {
  id: number
  kind: "done" | "error"
  text: string
  /** What finds it in the server's log. */
  code?: string | undefined
  undo?: (() => void) | undefined
}

/** What can be undone stays for long enough to be read, thought about, and reached. */
const STAYS_MS = { told: 8_000, undoable: 30_000 } as const
const shown = store<readonly ToastState[]>([])
let last = 0

function show(toast: Omit<ToastState, "id">) {
  shown.set([...shown.get().slice(-3), { ...toast, id: ++last }])
}

function dismiss(id: number) {
  shown.set(shown.get().filter((toast) => toast.id !== id))
}

/** Says what became of an action. Errors stay until they are dismissed. */
export const toast = {
  done: (text: string, undo?: () => void) => show({ kind: "done", text, undo }),
  failed: (what: string, error: unknown) => {
    const told = error as { message?: string; requestId?: string | null }
    const text = `${what}: ${told.message ?? String(error)}`
    show({ kind: "error", text, code: told.requestId ?? undefined })
  },
}

export function ToastHost() {
  const list = useStore(shown)
  return (
    <div className={styles.host} role="region" aria-label="Notifications" aria-live="polite">
      {list.map((one) => (
        <ToastCard key={one.id} toast={one} />
      ))}
    </div>
  )
}

function ToastCard({ toast: { id, kind, text, code, undo } }: { toast: ToastState }) {
  /** Nothing goes away from under the pointer or the focus. */
  const [isHeld, setHeld] = useState(false)
  const staysMs = undo ? STAYS_MS.undoable : STAYS_MS.told
  useEffect(() => {
    if (kind === "error" || isHeld) return
    const timer = setTimeout(() => dismiss(id), staysMs)
    return () => clearTimeout(timer)
  }, [id, kind, isHeld, staysMs])
  return (
    <div
      className={styles.toast}
      data-kind={kind}
      role={kind === "error" ? "alert" : "status"}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <Icon name={kind === "error" ? "error" : "check"} />
      <div className={styles.body}>
        {text}
        {code && (
          <div>
            <code>{code}</code>
          </div>
        )}
      </div>
      <div className={styles.actions}>
        {undo && (
          <Button
            size="s"
            variant="quiet"
            onClick={() => {
              dismiss(id)
              undo()
            }}
          >
            Undo
          </Button>
        )}
        {kind === "error" && (
          <IconButton
            icon="copy"
            size="s"
            label="Copy"
            onClick={() => void navigator.clipboard.writeText([text, code].join("\n"))}
          />
        )}
        <IconButton icon="close" size="s" label="Dismiss" onClick={() => dismiss(id)} />
      </div>
    </div>
  )
}
