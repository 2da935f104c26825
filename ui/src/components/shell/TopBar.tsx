import { useStore } from "../../lib/store"
import { IconButton } from "../../ui/Button"
import { Icon } from "../../ui/Icon"
import { Keys } from "../../ui/Keys"
import { Link } from "../Link"
import { crumbs } from "./heading"
import { LiveBadge } from "./LiveBadge"
import { TaskTray } from "./TaskTray"
import styles from "./TopBar.module.css"

export function TopBar({
  onMenu,
  onSearch,
  onHelp,
}: {
  onMenu: () => void
  onSearch: () => void
  onHelp: () => void
}) {
  return (
    <header className={styles.bar}>
      <span className={styles.menu}>
        <IconButton icon="menu" label="Menu" onClick={onMenu} />
      </span>
      <Breadcrumbs />
      <div className={styles.right}>
        <button type="button" className={styles.search} onClick={onSearch}>
          <Icon name="search" size={14} />
          <span>Search or go to…</span>
          <Keys keys="ctrl+k" />
        </button>
        <TaskTray />
        <LiveBadge />
        <IconButton icon="help" label="Keyboard shortcuts" keys="?" onClick={onHelp} />
      </div>
    </header>
  )
}

function Breadcrumbs() {
  const way = useStore(crumbs)
  return (
    <nav aria-label="Breadcrumbs">
      <ol className={styles.crumbs}>
        {way.map(({ label, to }, at) => (
          <li key={at}>
            {at > 0 && <Icon name="chevronRight" size={12} />}
            {to && at < way.length - 1 ? (
              <Link to={to} title={label}>
                {label}
              </Link>
            ) : (
              <span title={label} aria-current={at === way.length - 1 ? "page" : undefined}>
                {label}
              </span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  )
}
