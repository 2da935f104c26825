import { Button, type ButtonProps } from "./Button"

interface ToggleProps extends Omit<ButtonProps, "onChange" | "onClick" | "size" | "variant"> {
  on: boolean
  onChange: (on: boolean) => void
}

/** A small button that is in or out. */
export function Toggle({ on, onChange, ...rest }: ToggleProps) {
  return (
    <Button size="s" variant="quiet" aria-pressed={on} onClick={() => onChange(!on)} {...rest} />
  )
}
