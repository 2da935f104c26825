"use strict"

const base = location.origin + document.body.dataset.prefix
const api = `${base}/api/2.0/mlflow`
const REFRESH_MS = 10_000

const byId = (id) => document.getElementById(id)

async function ask(path, message) {
  const options = message && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(message),
  }
  const reply = await fetch(path, options)
  return reply.json()
}

function cells(...texts) {
  const row = document.createElement("tr")
  for (const text of texts) {
    const cell = document.createElement("td")
    cell.textContent = text
    row.append(cell)
  }
  return row
}

function started(ms) {
  return ms ? new Date(ms).toLocaleString() : "unknown"
}

async function showState() {
  const state = byId("state")
  const found = await ask(`${base}/ready`).catch(() => ({ status: "not answering" }))
  const ready = found.status === "ready"
  state.dataset.ready = String(ready)
  state.textContent = ready ? `Ready, ${found.store}` : `Server is ${found.status}`
}

async function showRecords() {
  const found = await ask(`${api}/experiments/search?max_results=1000`)
  const experiments = new Map((found.experiments ?? []).map((e) => [e.experiment_id, e.name]))
  const many = found.next_page_token ? "More than " : ""
  const noun = experiments.size === 1 ? "experiment" : "experiments"
  const asked = { experiment_ids: [...experiments.keys()], max_results: 10 }
  const { runs = [] } = await ask(`${api}/runs/search`, asked)
  const hint = runs.length ? "." : ", no runs yet. Start with a snippet from above."
  byId("counts").textContent = `${many}${experiments.size} ${noun}${hint}`
  byId("runs").hidden = runs.length === 0
  byId("runs").tBodies[0].replaceChildren(
    ...runs.map(({ info }) => {
      const status = info.liveness === "lost" ? "LOST" : info.status
      const experiment = experiments.get(info.experiment_id) ?? info.experiment_id
      return cells(info.run_name, experiment, status, started(info.start_time))
    }),
  )
}

function refresh() {
  if (document.hidden) return
  showState()
  showRecords().catch(() => {
    byId("counts").textContent = "The records cannot be read at the moment."
  })
}

for (const place of document.querySelectorAll(".address")) place.textContent = base
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.addEventListener("click", async () => {
    const source = byId(button.dataset.copies)
    try {
      await navigator.clipboard.writeText(source.textContent)
      button.textContent = "Copied"
    } catch {
      // No clipboard on plain http; leave the text selected for the keyboard.
      getSelection().selectAllChildren(source)
      button.textContent = "Selected"
    }
  })
}
document.addEventListener("visibilitychange", refresh)
setInterval(refresh, REFRESH_MS)
refresh()
