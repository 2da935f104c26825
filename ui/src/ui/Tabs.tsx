import { Tabs as Radix } from "radix-ui"
import type { KeyboardEvent, ReactNode } from "react"
import { Icon, type IconName } from "./Icon"
import styles from "./Tabs.module.css"

/** Classes for tabs that are links. */
export const tabs = styles

export function Tabs<T extends string>({
  label,
  value,
  onChange,
  list,
}: {
  label: string
  value: T
  onChange: (value: T) => void
  list: readonly { key: T; label: string; content: ReactNode }[]
}) {
  return (
    <Radix.Root value={value} onValueChange={(next) => onChange(next as T)}>
      <Radix.List className={styles.list} aria-label={label}>
        {list.map((tab) => (
          <Radix.Trigger key={tab.key} value={tab.key} className={styles.tab}>
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {list.map((tab) => (
        <Radix.Content key={tab.key} value={tab.key} tabIndex={-1}>
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  )
}

/** One of a few, side by side. */
export function Segments<T extends string>({
  label,
  value,
  onChange,
  choices,
}: {
  label: string
  value: T
  onChange: (value: T) => void
  choices: readonly { key: T; label: string; icon?: IconName }[]
}) {
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (!step) return
    event.preventDefault()
    const at = choices.findIndex(({ key }) => key === value)
    const next = choices[(at + step + choices.length) % choices.length]
    if (!next) return
    onChange(next.key)
    const radios = event.currentTarget.querySelectorAll<HTMLElement>("[role=radio]")
    radios[choices.indexOf(next)]?.focus()
  }
  return (
    <div role="radiogroup" aria-label={label} className={styles.segments} onKeyDown={onKeyDown}>
      {choices.map(({ key, label: text, icon }) => (
        <button
          key={key}
          type="button"
          role="radio"
          aria-checked={key === value}
          tabIndex={key === value ? 0 : -1}
          className={styles.segment}
          onClick={() => onChange(key)}
        >
          {icon && <Icon name={icon} size={14} />}
          {text}
        </button>
      ))}
    </div>
  )
}
