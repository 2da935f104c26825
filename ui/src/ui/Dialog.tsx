import { Dialog as Radix } from "radix-ui"
import { useState, type ReactNode } from "react"
import { Button, IconButton } from "./Button"
import { Field } from "./Field"
import styles from "./Overlay.module.css"

export function Dialog({
  open,
  onClose,
  title,
  text,
  size,
  foot,
  children,
}: {
  open: boolean
  onClose: () => void
  title: string
  text?: ReactNode
  size?: "wide"
  foot?: ReactNode
  children?: ReactNode
}) {
  return (
    <Radix.Root open={open} onOpenChange={(wanted) => !wanted && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={styles.shade} />
        <Radix.Content
          className={styles.dialog}
          data-size={size}
          // Its first button has a tooltip, which Escape would close instead of the dialog.
          onOpenAutoFocus={(event) => {
            event.preventDefault()
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus()
          }}
          {...(text ? {} : { "aria-describedby": undefined })}
        >
          <div className={styles.head}>
            <Radix.Title>{title}</Radix.Title>
            <Radix.Close asChild>
              <IconButton icon="close" label="Close" size="s" />
            </Radix.Close>
          </div>
          {text && <Radix.Description className={styles.text}>{text}</Radix.Description>}
          {children}
          {foot && <div className={styles.foot}>{foot}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** What has to be written before something goes that nothing brings back. */
export const FOR_GOOD = "delete for good"

/** Asks before something is done; with *typed*, only after that word has been written. */
export function ConfirmDialog({
  open,
  onClose,
  onConfirm,
  title,
  text,
  action,
  typed,
  refused,
  isBusy = false,
  variant = "danger",
}: {
  open: boolean
  onClose: () => void
  onConfirm: () => void
  title: string
  text: ReactNode
  action: string
  typed?: string
  /** Why it cannot be done at all. */
  refused?: string | null
  isBusy?: boolean
  variant?: "danger" | "primary"
}) {
  const [written, setWritten] = useState("")
  const isWritten = typed === undefined || written === typed
  const whyNot = isBusy ? "It is being done." : (refused ?? (!isWritten && `Write ${typed} first.`))
  const confirm = () => {
    if (!whyNot) onConfirm()
  }
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={title}
      text={text}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant={variant} onClick={confirm} disabledBecause={whyNot}>
            {action}
          </Button>
        </>
      }
    >
      {typed !== undefined && !refused && (
        <Field
          label={`Write “${typed}” to go on`}
          value={written}
          onChange={setWritten}
          onEnter={confirm}
          autoFocus
        />
      )}
    </Dialog>
  )
}
