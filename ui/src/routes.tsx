/** The whole site map. Pages load when they are opened; each is the default export of its file. */

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router"
import { AppFrame } from "./components/shell/AppFrame"
import { page } from "./lib/page"
import NotFound from "./pages/not-found"
import { Gone, type Part } from "./ui/later"
import { FailedState, Skeleton } from "./ui/States"

type Search = Record<string, string>

const root = createRootRoute({
  component: () => (
    <AppFrame>
      <Outlet />
    </AppFrame>
  ),
  notFoundComponent: NotFound,
  validateSearch: (search): Search => search as Search,
})

const at = (path: string, load: Part<object>) =>
  createRoute({
    getParentRoute: () => root,
    path,
    component: lazyRouteComponent(async () => (await load()) ?? { default: Gone }),
  })

const moved = (path: string, to: string) =>
  createRoute({
    getParentRoute: () => root,
    path,
    beforeLoad: () => {
      throw redirect({ href: page.base + to, replace: true })
    },
  })

const tree = root.addChildren([
  at("/", () => import("./pages/home/home")),
  at("/experiments", () => import("./pages/experiments/tree")),
  at("/experiments/$eid", () => import("./pages/experiments/workspace")),
  at("/experiments/$eid/runs/$rid", () => import("./pages/runs/run")),
  at("/experiments/$eid/runs/$rid/$tab", () => import("./pages/runs/run")),
  at("/experiments/$eid/artifacts/$rid/$", () => import("./pages/runs/artifact")),
  at("/experiments/$eid/models", () => import("./pages/logged-models/models")),
  at("/experiments/$eid/logged-models/$mid", () => import("./pages/logged-models/model")),
  at("/runs/$rid", () => import("./pages/runs/anywhere")),
  at("/compare", () => import("./pages/compare/compare")),
  at("/models", () => import("./pages/models/models")),
  at("/models/$name", () => import("./pages/models/model")),
  at("/models/$name/versions/$version", () => import("./pages/models/version")),
  at("/models/$name/compare", () => import("./pages/models/compare")),
  at("/approvals", () => import("./pages/approvals/approvals")),
  at("/approvals/$id", () => import("./pages/approvals/request")),
  at("/audit", () => import("./pages/audit/audit")),
  at("/trash", () => import("./pages/trash/trash")),
  at("/search", () => import("./pages/search/search")),
  moved("/admin", "/admin/webhooks"),
  at("/admin/$section", () => import("./pages/admin/admin")),
  moved("/settings", "/settings/appearance"),
  at("/settings/$section", () => import("./pages/settings/settings")),
])

/** Parameters are texts and stay as they are written, so that addresses are read by people. */
function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text))
}

function stringifySearch(search: Record<string, unknown>): string {
  const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== "")
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString()
  return text ? `?${text}` : ""
}

export const router = createRouter({
  routeTree: tree,
  basepath: page.base || "/",
  parseSearch,
  stringifySearch,
  scrollRestoration: true,
  scrollToTopSelectors: ["#main"],
  defaultPreload: false,
  defaultPendingMs: 150,
  // A page that is there is shown: the router would hold it back for half a second.
  defaultPendingMinMs: 0,
  defaultPendingComponent: () => <Skeleton label="Loading the page" />,
  defaultErrorComponent: ({ error, reset }) => <FailedState error={error} onRetry={reset} />,
})
