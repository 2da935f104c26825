/** Figures and charts that were logged as documents: which library draws them, and the page that does. */

import { queryOptions } from "@tanstack/react-query"
import { ask, whole } from "../../api/client"

export type Drawing = "plotly" | "vega"

/** What a document is drawn by; null for any other. */
export function drawingOf(value: unknown): Drawing | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null
  const held = value as Record<string, unknown>
  if (typeof held.$schema === "string" && /\/vega(-lite)?\//.test(held.$schema)) return "vega"
  const isFigure =
    Array.isArray(held.data) &&
    held.data.every((trace) => typeof trace === "object" && trace !== null) &&
    typeof held.layout === "object" &&
    held.layout !== null
  return isFigure ? "plotly" : null
}

/** Pages that Plotly writes name its CDN, which no frame reaches: they get our copy instead. */
const CDN = /<script\b[^>]*\bsrc="https:\/\/cdn\.plot\.ly\/[^"]*"[^>]*>\s*<\/script>/gi

export const needsPlotly = (html: string): boolean => html.search(CDN) >= 0

export const withPlotly = (html: string, library: string): string =>
  // Not as a replacement text, in which "$&" would mean something.
  html.replace(CDN, () => inlined(library))

/** The text of a library. Its files have addresses of our own, and only frames run them. */
export const libraryQuery = (drawing: Drawing) =>
  queryOptions({
    queryKey: ["library", drawing],
    queryFn: async ({ signal }) => {
      const urls = await URLS[drawing]()
      const read = async (url: string) => (await ask(url, {}, signal)).text()
      const texts = await Promise.all(urls.map((url) => whole(read(url))))
      return texts.join("\n;\n")
    },
    staleTime: Infinity,
  })

const URLS: Record<Drawing, () => Promise<string[]>> = {
  plotly: async () => [
    (await import("plotly.js-cartesian-dist-min/plotly-cartesian.min.js?url")).default,
  ],
  vega: async () => [
    (await import("../../../node_modules/vega/build/vega.min.js?url")).default,
    (await import("../../../node_modules/vega-lite/build/vega-lite.min.js?url")).default,
  ],
}

/** A page that draws *text*, which is JSON, with *library*. */
export function drawnPage(drawing: Drawing, text: string, library: string): string {
  return `<!doctype html><meta charset="utf-8">
<style>html,body{height:100%;margin:0;font:13px system-ui;background:#fff}#at{height:100%}pre{padding:1em;white-space:pre-wrap}</style>
<div id="at"></div>${inlined(library)}
<script type="application/json" id="told">${text.replaceAll("<", "\\u003c")}</script>
<script>
const at = document.getElementById("at")
const told = JSON.parse(document.getElementById("told").textContent)
const failed = (error) => { at.innerHTML = "<pre></pre>"; at.firstChild.textContent = "It cannot be drawn: " + error }
try { Promise.resolve(${DRAW[drawing]}).catch(failed) } catch (error) { failed(error) }
</script>`
}

const DRAW: Record<Drawing, string> = {
  plotly: `Plotly.newPlot(at, told.data, {...told.layout, autosize: true}, {responsive: true, displaylogo: false})`,
  vega: `new vega.View(vega.parse(String(told.$schema).includes("/vega-lite/") ? vegaLite.compile({width: "container", height: "container", autosize: {type: "fit", contains: "padding"}, ...told}).spec : told)).initialize(at).hover().runAsync()`,
}

const inlined = (library: string) =>
  `<script>${library.replaceAll(/<(?=\/script|!--)/gi, "\\x3c")}</script>`
