import { useLocation, useRouterState } from "@tanstack/react-router"
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react"
import { heardAt, reachable } from "../../api/client"
import { isPaused, useFollowed } from "../../api/live"
import { queryClient } from "../../api/queries"
import { staleSince } from "../../api/stale"
import { listen, useShortcuts } from "../../lib/keys"
import { useStore } from "../../lib/store"
import { nextTheme, theme } from "../../lib/theme"
import { Button } from "../../ui/Button"
import { later } from "../../ui/later"
import { ErrorBoundary, NoticeBar } from "../../ui/States"
import { AsOf } from "../../ui/Time"
import { ToastHost } from "../../ui/Toast"
import { TooltipProvider } from "../../ui/Tooltip"
import { useScrolls } from "../../ui/useScrolls"
import { useGo } from "../Link"
import styles from "./AppFrame.module.css"
import { FOOT, PLACES, Rail } from "./Rail"
import { ShortcutSheet } from "./ShortcutSheet"
import { TopBar } from "./TopBar"

const CommandPalette = later(
  async () => import("./CommandPalette"),
  () => null,
)

const GOVERNED = { topics: ["registry", "approvals", "webhooks"] } as const

type Overlay = "palette" | "sheet" | "menu" | null

/** Everything around a page. */
export function AppFrame({ children }: { children: ReactNode }) {
  const [overlay, setOverlay] = useState<Overlay>(null)
  const { pathname } = useLocation()
  const isWaiting = useRouterState({ select: ({ isLoading }) => isLoading })
  const go = useGo()
  const main = useRef<HTMLElement>(null)
  const scrolls = useScrolls(main)
  useLayoutEffect(listen, [])
  useFollowed(GOVERNED, ["models"], ["model"], ["policy"], ["requests"], ["webhooks"])
  useShortcuts([
    { keys: "ctrl+k", label: "Search or go to", group: "Everywhere", inFields: true, run: () => setOverlay("palette") },
    { keys: "?", label: "Keyboard shortcuts", group: "Everywhere", run: () => setOverlay("sheet") },
    { keys: "alt+t", label: "Next theme", group: "Everywhere", inFields: true, run: () => theme.set(nextTheme()) },
    { keys: "l", label: "Follow live, or pause", group: "Everywhere", run: () => isPaused.set(!isPaused.get()) },
    { keys: "r", label: "Ask again", group: "Everywhere", run: () => void queryClient.invalidateQueries() },
    ...[...PLACES, ...FOOT]
      .filter((place) => place.keys !== undefined)
      .map(({ keys = "", label, to }) => ({ keys, label, group: "Go to", run: () => go(to) })),
  ]) // prettier-ignore
  const close = () => setOverlay(null)
  return (
    <TooltipProvider delayDuration={400} skipDelayDuration={200}>
      <a className={styles.skip} href="#main">
        Skip to the page
      </a>
      {isWaiting && <div className={styles.progress} data-state="loading" aria-hidden="true" />}
      <div className={styles.frame}>
        <Rail isShown={overlay === "menu"} onLeave={close} />
        {overlay === "menu" && (
          <button
            type="button"
            className={styles.shade}
            aria-label="Close the menu"
            onClick={close}
          />
        )}
        <div className={styles.main}>
          <TopBar
            onMenu={() => setOverlay("menu")}
            onSearch={() => setOverlay("palette")}
            onHelp={() => setOverlay("sheet")}
          />
          <Notices />
          <main
            ref={main}
            id="main"
            className={styles.page}
            tabIndex={scrolls ? 0 : -1}
            data-scroll
          >
            <ErrorBoundary what="This page" resetKey={pathname}>
              {children}
            </ErrorBoundary>
          </main>
        </div>
      </div>
      <ShortcutSheet open={overlay === "sheet"} onClose={close} />
      {overlay === "palette" && <CommandPalette onClose={close} />}
      <ToastHost />
    </TooltipProvider>
  )
}

/** What holds for all of the page: no way to the server, or a newer version of it. */
function Notices() {
  const isThere = useStore(reachable)
  const heard = useStore(heardAt)
  const stale = useStore(staleSince)
  const [isOld, setOld] = useState(false)
  useEffect(() => {
    // A part of this version is asked for, and the server has another one by now.
    const notice = (event: Event) => {
      event.preventDefault()
      setOld(true)
    }
    addEventListener("vite:preloadError", notice)
    return () => removeEventListener("vite:preloadError", notice)
  }, [])
  return (
    <>
      {(!isThere || stale !== null) && (
        <NoticeBar>
          {isThere
            ? "Some of this page could not be asked for again; what you see of it is"
            : "The server cannot be reached; what you see is"}
          <AsOf at={stale ?? heard} />
          <Button size="s" onClick={() => void queryClient.invalidateQueries()}>
            Try again
          </Button>
        </NoticeBar>
      )}
      {isOld && (
        <NoticeBar tone="info">
          The server has a newer version of these pages.
          <Button size="s" onClick={() => location.reload()}>
            Load it
          </Button>
        </NoticeBar>
      )}
    </>
  )
}
