import "@fontsource-variable/inter/wght.css"
import "@fontsource-variable/jetbrains-mono/wght.css"
import "./ui/tokens.css"
import "./ui/base.css"
import { QueryClientProvider } from "@tanstack/react-query"
import { RouterProvider } from "@tanstack/react-router"
import { setNonce } from "get-nonce"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { queryClient } from "./api/queries"
import { translated } from "./lib/hash-links"
import { page } from "./lib/page"
import { router } from "./routes"

// Overlays lock scrolling with a style element.
if (page.nonce) setNonce(page.nonce)

// Clients print addresses of the kind `#/experiments/1`; they are translated before anything is shown.
const wanted = translated(location.hash)
if (wanted !== null) history.replaceState(null, "", page.base + wanted)
addEventListener("hashchange", () => {
  const to = translated(location.hash)
  if (to !== null) router.history.replace(page.base + to)
})

const root = document.getElementById("root")
if (root === null) throw new Error("The page has no place to put the application in.")
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)
