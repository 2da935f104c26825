import { Tooltip as Radix } from "radix-ui"
import type { ReactNode } from "react"
import { Keys } from "./Keys"
import styles from "./Tooltip.module.css"

export const TooltipProvider = Radix.Provider

export function Tooltip({
  text,
  keys,
  side,
  children,
}: {
  text: ReactNode
  keys?: string | undefined
  side?: "top" | "right" | "bottom" | "left"
  children: ReactNode
}) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={styles.tip} sideOffset={5} side={side} collisionPadding={8}>
          <span>{text}</span>
          {keys && <Keys keys={keys} />}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
