import { useId, type InputHTMLAttributes, type ReactNode, type Ref } from "react"
import styles from "./Field.module.css"
import { Icon } from "./Icon"

type InputProps = Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "value">

export interface FieldProps extends InputProps {
  label: string
  value: string
  onChange: (value: string) => void
  onEnter?: () => void
  hint?: ReactNode
  error?: string | null | undefined
}

export function Field({ label, value, onChange, onEnter, hint, error, ...rest }: FieldProps) {
  const id = useId()
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className={styles.input}
        value={value}
        aria-invalid={Boolean(error)}
        aria-describedby={hint || error ? `${id}-more` : undefined}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && onEnter) {
            event.preventDefault()
            onEnter()
          }
        }}
        {...rest}
      />
      {(error || hint) && (
        <span id={`${id}-more`} className={error ? styles.error : styles.hint}>
          {error || hint}
        </span>
      )}
    </div>
  )
}

/** For more than a line. */
export function TextField({
  label,
  value,
  onChange,
  ...rest
}: {
  label: string
  value: string
  onChange: (value: string) => void
  autoFocus?: boolean
}) {
  const id = useId()
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <textarea
        id={id}
        className={styles.input}
        rows={5}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        {...rest}
      />
    </div>
  )
}

export function SearchField({
  label,
  value,
  onChange,
  ref,
  ...rest
}: InputProps & {
  label: string
  value: string
  onChange: (value: string) => void
  ref?: Ref<HTMLInputElement>
}) {
  return (
    <div className={styles.search}>
      <Icon name="search" size={14} />
      <input
        ref={ref}
        type="search"
        className={styles.input}
        aria-label={label}
        placeholder={label}
        value={value}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
        {...rest}
      />
    </div>
  )
}

export function Checkbox({
  label,
  checked,
  onChange,
}: {
  label: ReactNode
  checked: boolean
  onChange: (checked: boolean) => void
}) {
  return (
    <label className={styles.check}>
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      {label}
    </label>
  )
}

export function Select<T extends string>({
  label,
  value,
  choices,
  onChange,
  hideLabel = false,
}: {
  label: string
  value: T
  choices: readonly (readonly [T, string])[]
  onChange: (value: T) => void
  hideLabel?: boolean
}) {
  const id = useId()
  return (
    <div className={styles.field}>
      <label className={hideLabel ? "visually-hidden" : styles.label} htmlFor={id}>
        {label}
      </label>
      <select
        id={id}
        className={styles.input}
        value={value}
        onChange={(event) => onChange(event.target.value as T)}
      >
        {choices.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

export const inputClass = styles.input
