import type { ButtonHTMLAttributes, ReactNode, Ref } from "react"
import styles from "./Button.module.css"
import { Icon, type IconName } from "./Icon"
import { Tooltip } from "./Tooltip"

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  variant?: "plain" | "primary" | "quiet" | "danger"
  size?: "s" | "m"
  icon?: IconName
  ref?: Ref<HTMLButtonElement>
  /** Why it cannot be pressed now; the button stays, and says so. */
  disabledBecause?: string | null | false
  children?: ReactNode
}

export function Button({
  variant = "plain",
  size = "m",
  icon,
  children,
  disabledBecause,
  className = "",
  onClick,
  ...rest
}: ButtonProps) {
  const button = (
    <button
      type="button"
      className={`${styles.button} ${className}`}
      data-variant={variant}
      data-size={size}
      aria-disabled={disabledBecause ? true : undefined}
      onClick={disabledBecause ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {icon && <Icon name={icon} size={size === "s" ? 14 : 16} />}
      {children}
    </button>
  )
  return disabledBecause ? <Tooltip text={disabledBecause}>{button}</Tooltip> : button
}

export interface IconButtonProps extends Omit<ButtonProps, "children" | "icon"> {
  icon: IconName
  /** Its name, and what its tooltip says. */
  label: string
  keys?: string
}

export function IconButton({ icon, label, keys, variant = "quiet", ...rest }: IconButtonProps) {
  return (
    <Tooltip text={rest.disabledBecause || label} keys={keys}>
      <Button
        variant={variant}
        icon={icon}
        aria-label={label}
        data-icon-only=""
        {...rest}
        disabledBecause={null}
        {...(rest.disabledBecause ? { "aria-disabled": true, onClick: undefined } : {})}
      />
    </Tooltip>
  )
}

/** How a link looks that is an action. */
export const buttonClass = styles.button
