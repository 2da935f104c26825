import { Component, useEffect, useState, type ErrorInfo, type ReactNode } from "react"
import { Button } from "./Button"
import { Icon, type IconName } from "./Icon"
import styles from "./States.module.css"

/** Grey lines where text will be; nothing for the first 150 ms. */
export function Skeleton({ lines = 12, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div className={styles.bones} role="status" aria-label={label} data-state="loading">
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} className={styles.bone} style={{ width: `${94 - ((at * 17) % 42)}%` }} />
      ))}
      <Late />
    </div>
  )
}

const LATE_MS = 5_000

/** Says that something takes long, from when it does. */
export function Late() {
  const [isLate, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_MS)
    return () => clearTimeout(timer)
  }, [])
  return isLate && <p className={styles.late}>The server takes long to answer.</p>
}

export function EmptyState({
  title,
  hint,
  icon = "info",
  children,
  isInline = false,
}: {
  title: string
  hint?: ReactNode
  icon?: IconName
  children?: ReactNode
  isInline?: boolean
}) {
  return (
    <div className={styles.state} data-state="empty" data-inline={isInline ? "" : undefined}>
      {!isInline && (
        <span className={styles.mark}>
          <Icon name={icon} size={18} />
        </span>
      )}
      <h2>{title}</h2>
      {hint && <p className={styles.text}>{hint}</p>}
      {children && <div className={styles.actions}>{children}</div>}
    </div>
  )
}

/** What an error says of itself, as far as it says it: see `api/errors`. */
interface Told {
  message: string
  hint?: string | null
  requestId?: string | null
  status?: number
  isForbidden?: boolean
}

export function FailedState({
  error,
  title,
  onRetry,
  isInline = false,
}: {
  error: unknown
  title?: ReactNode
  onRetry?: (() => void) | undefined
  isInline?: boolean
}) {
  const told: Told = error instanceof Error ? (error as Error & Told) : { message: String(error) }
  const details = [told.message, told.status && `status ${told.status}`, told.requestId].filter(
    Boolean,
  )
  const reason = told.hint ? told.message.replace(told.hint, "").trim() : told.message
  return (
    <div
      className={styles.state}
      role="alert"
      data-state="error"
      data-inline={isInline ? "" : undefined}
    >
      {!isInline && (
        <span className={styles.mark} data-tone="bad">
          <Icon name={told.isForbidden ? "approvals" : "error"} size={18} />
        </span>
      )}
      <h2>{title ?? (told.isForbidden ? "You may not see this" : "This could not be loaded")}</h2>
      <p className={styles.text}>{reason}</p>
      {told.hint && (
        <p className={styles.hint} data-hint="">
          {told.hint}
        </p>
      )}
      {told.requestId && <code className={styles.id}>{told.requestId}</code>}
      <div className={styles.actions}>
        {onRetry && (
          <Button icon="refresh" onClick={onRetry}>
            Try again
          </Button>
        )}
        <Button
          variant="quiet"
          icon="copy"
          onClick={() => void navigator.clipboard.writeText(details.join("\n"))}
        >
          Copy details
        </Button>
      </div>
    </div>
  )
}

/** A line above content that is older, or less, than it should be. */
export function NoticeBar({
  tone = "warn",
  children,
}: {
  tone?: "warn" | "info"
  children: ReactNode
}) {
  return (
    <div className={styles.bar} role="status" data-tone={tone}>
      <Icon name={tone === "warn" ? "warn" : "info"} size={14} />
      {children}
    </div>
  )
}

interface BoundaryProps {
  children: ReactNode
  /** What has failed, in a word or two: "The chart". */
  what?: string
  /** A change starts anew. */
  resetKey?: string
}

/** Keeps a failure within its region; the rest of the page works. */
export class ErrorBoundary extends Component<BoundaryProps, { error: unknown; key?: string }> {
  override state: { error: unknown; key?: string } = { error: null }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  static getDerivedStateFromProps(props: BoundaryProps, state: { error: unknown; key?: string }) {
    return props.resetKey === state.key ? null : { error: null, key: props.resetKey }
  }

  override componentDidCatch(error: unknown, info: ErrorInfo) {
    dispatchEvent(new CustomEvent("millrace:failed", { detail: { error, info } }))
  }

  override render() {
    if (this.state.error === null) return this.props.children
    return (
      <FailedState
        error={this.state.error}
        title={`${this.props.what ?? "This part"} failed`}
        onRetry={() => this.setState({ error: null })}
      />
    )
  }
}
