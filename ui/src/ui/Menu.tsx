import { ContextMenu as Context, DropdownMenu as Radix } from "radix-ui"
import type { ReactNode } from "react"
import { Icon, type IconName } from "./Icon"
import { Keys } from "./Keys"
import styles from "./Overlay.module.css"

export interface MenuAction {
  label: string
  icon?: IconName
  keys?: string
  onSelect: () => void
  isDangerous?: boolean
  /** Why it cannot be chosen now. */
  disabledBecause?: string | null | false
  /** A choice that is on or off. */
  checked?: boolean
}

/** Actions; "line" parts them, a bare text heads what follows. */
export type MenuEntry = MenuAction | "line" | { heading: string }

type Part = typeof Radix | typeof Context

function entries(list: readonly MenuEntry[], Item: Part) {
  return list.map((entry, at) => {
    if (entry === "line") return <Item.Separator key={at} className={styles.line} />
    if ("heading" in entry) {
      return (
        <Item.Label key={at} className={styles.label}>
          {entry.heading}
        </Item.Label>
      )
    }
    const inner = (
      <>
        {entry.checked !== undefined ? (
          <span className={styles.mark}>{entry.checked && <Icon name="check" />}</span>
        ) : (
          entry.icon && <Icon name={entry.icon} />
        )}
        <span>{entry.label}</span>
        {entry.keys && <Keys keys={entry.keys} />}
      </>
    )
    const shared = {
      className: styles.item,
      disabled: Boolean(entry.disabledBecause),
      title: entry.disabledBecause || undefined,
      "data-danger": entry.isDangerous ? "" : undefined,
      onSelect: entry.onSelect,
    }
    return entry.checked === undefined ? (
      <Item.Item key={at} {...shared}>
        {inner}
      </Item.Item>
    ) : (
      <Item.CheckboxItem key={at} checked={entry.checked} {...shared}>
        {inner}
      </Item.CheckboxItem>
    )
  })
}

export function Menu({
  trigger,
  list,
  align = "start",
}: {
  trigger: ReactNode
  list: readonly MenuEntry[]
  align?: "start" | "end"
}) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={styles.menu} align={align} sideOffset={4} collisionPadding={8}>
          {entries(list, Radix)}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** What the secondary button and the menu key open on *children*. */
export function ContextMenu({
  children,
  list,
}: {
  children: ReactNode
  list: readonly MenuEntry[]
}) {
  return (
    <Context.Root>
      <Context.Trigger asChild>{children}</Context.Trigger>
      <Context.Portal>
        <Context.Content className={styles.menu} collisionPadding={8}>
          {entries(list, Context)}
        </Context.Content>
      </Context.Portal>
    </Context.Root>
  )
}
