import { useLocation } from "@tanstack/react-router"
import { railOpen } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { THEMES, theme, type Theme } from "../../lib/theme"
import { paths } from "../../paths"
import { Icon, Logo, type IconName } from "../../ui/Icon"
import { Menu } from "../../ui/Menu"
import { Tooltip } from "../../ui/Tooltip"
import { Link } from "../Link"
import styles from "./Rail.module.css"

interface Place {
  label: string
  icon: IconName
  to: string
  keys?: string
}

export const PLACES: readonly Place[] = [
  { label: "Home", icon: "home", to: paths.home(), keys: "g h" },
  { label: "Experiments", icon: "experiments", to: paths.experimentTree(), keys: "g e" },
  { label: "Models", icon: "models", to: paths.models(), keys: "g m" },
  { label: "Approvals", icon: "approvals", to: paths.approvals(), keys: "g a" },
  { label: "Audit", icon: "audit", to: paths.audit(), keys: "g l" },
]

export const FOOT: readonly Place[] = [
  { label: "Trash", icon: "trash", to: paths.trash(), keys: "g t" },
  { label: "Admin", icon: "admin", to: paths.admin() },
  { label: "Settings", icon: "settings", to: paths.settings(), keys: "g s" },
]

const THEME_ICONS: Record<Theme, IconName> = {
  system: "monitor",
  light: "sun",
  dark: "moon",
  contrast: "contrast",
}
const THEME_NAMES: Record<Theme, string> = {
  system: "As the system",
  light: "Light",
  dark: "Dark",
  contrast: "High contrast",
}

export function Rail({ isShown, onLeave }: { isShown: boolean; onLeave: () => void }) {
  const isOpen = useStore(railOpen)
  const chosen = useStore(theme)
  const { pathname } = useLocation()
  const isFolded = !isOpen && !isShown
  const item = (place: Place) => {
    const isHere =
      place.to === "/" ? pathname === "/" : `${pathname}/`.startsWith(`${root(place.to)}/`)
    const link = (
      <Link
        to={place.to}
        className={styles.item}
        aria-current={isHere ? "page" : undefined}
        aria-label={isFolded ? place.label : undefined}
        onClick={onLeave}
      >
        <Icon name={place.icon} />
        <span className={styles.text}>{place.label}</span>
      </Link>
    )
    return (
      <li key={place.label}>
        {isFolded ? (
          <Tooltip text={place.label} keys={place.keys} side="right">
            {link}
          </Tooltip>
        ) : (
          link
        )}
      </li>
    )
  }
  return (
    <nav
      className={styles.rail}
      aria-label="Main"
      data-folded={isFolded ? "" : undefined}
      data-shown={isShown ? "" : undefined}
    >
      <Link to="/" className={styles.brand} aria-label="Millrace, home" onClick={onLeave}>
        <Logo />
        <span className={styles.text}>Millrace</span>
      </Link>
      <ul>{PLACES.map(item)}</ul>
      <div className={styles.foot}>
        <ul>{FOOT.map(item)}</ul>
        <Menu
          trigger={
            <button
              type="button"
              className={styles.item}
              aria-label={`Theme: ${THEME_NAMES[chosen]}`}
            >
              <Icon name={THEME_ICONS[chosen]} />
              <span className={styles.text}>Theme</span>
            </button>
          }
          list={THEMES.map((name) => ({
            label: THEME_NAMES[name],
            checked: name === chosen,
            onSelect: () => theme.set(name),
          }))}
        />
        <button
          type="button"
          className={styles.item}
          aria-expanded={isOpen}
          aria-label={isOpen ? "Fold the menu" : "Unfold the menu"}
          onClick={() => (isShown ? onLeave() : railOpen.set(!isOpen))}
        >
          <Icon name={isOpen ? "chevronLeft" : "chevronRight"} />
          <span className={styles.text}>Fold</span>
        </button>
      </div>
    </nav>
  )
}

/** "/admin/webhooks" is within "/admin". */
function root(to: string): string {
  return `/${to.split("/")[1] ?? ""}`
}
