import { useEffect, useState, type ReactNode } from "react"
import { IconButton } from "./Button"
import styles from "./Copy.module.css"
import { Icon } from "./Icon"

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [isDone, setDone] = useState(false)
  useEffect(() => {
    if (!isDone) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [isDone])
  return (
    <IconButton
      icon={isDone ? "check" : "copy"}
      size="s"
      label={isDone ? "Copied" : label}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setDone(true))}
    />
  )
}

/** A text as it is, and beside it what copies it while the pointer or the focus is on its row. */
export function Copyable({
  text,
  label,
  children = text,
}: {
  text: string
  /** What it is: "the name", "the value of lr". */
  label: string
  /** How it is shown. */
  children?: ReactNode
}) {
  const [isDone, setDone] = useState(false)
  return (
    <span className={styles.copyable}>
      {children}
      <button
        type="button"
        aria-label={`Copy ${label}`}
        title={isDone ? "Copied" : `Copy ${label}`}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setDone(true))}
        onPointerLeave={() => setDone(false)}
        onBlur={() => setDone(false)}
      >
        <Icon name={isDone ? "check" : "copy"} size={12} />
      </button>
    </span>
  )
}

/** Code to take along. */
export function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div className={styles.snippet}>
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} label={`Copy ${label}`} />
    </div>
  )
}
