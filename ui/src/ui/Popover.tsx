import { Popover as Radix } from "radix-ui"
import type { ReactNode } from "react"
import styles from "./Overlay.module.css"

export function Popover({
  trigger,
  label,
  align = "start",
  open,
  onOpenChange,
  children,
}: {
  trigger: ReactNode
  label: string
  align?: "start" | "end"
  open?: boolean
  onOpenChange?: (open: boolean) => void
  children: ReactNode
}) {
  const control = open === undefined ? {} : { open }
  return (
    <Radix.Root {...control} {...(onOpenChange ? { onOpenChange } : {})}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          className={styles.popover}
          align={align}
          sideOffset={4}
          collisionPadding={8}
          aria-label={label}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
