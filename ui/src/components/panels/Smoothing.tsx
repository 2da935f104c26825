import type { Smoothing, SmoothingKind } from "../../charts/smooth"
import { Select } from "../../ui/Field"
import styles from "./Panels.module.css"

const KINDS: readonly (readonly [SmoothingKind, string])[] = [
  ["none", "No smoothing"],
  ["ema", "Exponential (EMA)"],
  ["gaussian", "Gaussian"],
  ["mean", "Running mean"],
]

const LIMITS = {
  none: { min: 0, max: 0, step: 1, start: 0 },
  ema: { min: 0, max: 0.99, step: 0.01, start: 0.6 },
  gaussian: { min: 0.5, max: 50, step: 0.5, start: 3 },
  mean: { min: 3, max: 101, step: 2, start: 9 },
} as const

/** How lines are smoothed, and how much. */
export function SmoothingControl({
  value,
  onChange,
}: {
  value: Smoothing
  onChange: (value: Smoothing) => void
}) {
  const amount = value.kind === "none" ? 0 : value.amount
  const { min, max, step } = LIMITS[value.kind]
  return (
    <>
      <Select
        label="Smoothing"
        value={value.kind}
        choices={KINDS}
        onChange={(kind) =>
          onChange(kind === "none" ? { kind } : { kind, amount: LIMITS[kind].start })
        }
      />
      {value.kind !== "none" && (
        <label>
          <span className="visually-hidden">Amount of smoothing</span>
          <input
            type="range"
            className={styles.range}
            min={min}
            max={max}
            step={step}
            value={amount}
            onChange={(event) =>
              onChange({ kind: value.kind, amount: Number(event.target.value) } as Smoothing)
            }
          />
          <output className="number">{amount}</output>
        </label>
      )}
    </>
  )
}
