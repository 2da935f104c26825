import { useRouter } from "@tanstack/react-router"
import {
  useCallback,
  type AnchorHTMLAttributes,
  type MouseEvent,
  type ReactNode,
  type Ref,
} from "react"
import { page } from "../lib/page"

export interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  /** An address from `paths`. */
  to: string
  ref?: Ref<HTMLAnchorElement>
  children?: ReactNode
}

/** A link within the UI: followed without loading the page anew, unless a new tab is wanted. */
export function Link({ to, onClick, children, ...rest }: LinkProps) {
  const go = useGo()
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    const wantsTab = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey
    if (event.defaultPrevented || wantsTab || rest.target === "_blank") return
    event.preventDefault()
    go(to)
  }
  return (
    <a href={page.base + to} onClick={follow} {...rest}>
      {children}
    </a>
  )
}

export type Go = (to: string, options?: { replace?: boolean; newTab?: boolean }) => void

/** Goes to an address from `paths`. */
export function useGo(): Go {
  const { history } = useRouter()
  return useCallback(
    (to, { replace = false, newTab = false } = {}) => {
      if (newTab) window.open(page.base + to, "_blank", "noopener")
      else if (replace) history.replace(page.base + to)
      else history.push(page.base + to)
    },
    [history],
  )
}
