/** What to run, with the address of this server in it. */

export interface Snippet {
  label: string
  text: string
}

/** Fills a server with an example of everything. */
export const example = (address: string): Snippet => ({
  label: "An example of everything",
  text: `millrace demo --tracking-uri ${address}`,
})

export function firstSteps(address: string, experiment = "first steps"): Snippet[] {
  const name = JSON.stringify(experiment)
  return [
    {
      label: "Python",
      text: `import millrace

millrace.set_tracking_uri("${address}")
millrace.set_experiment(${name})

with millrace.start_run():
    millrace.log_param("lr", 0.1)
    for step in range(100):
        millrace.log_metric("loss", 1 / (step + 1), step=step)`,
    },
    {
      label: "Command line",
      text: `export MILLRACE_TRACKING_URI=${address}

millrace experiments create --experiment-name ${name}
millrace experiments list`,
    },
    {
      label: "REST",
      text: `curl ${address}/api/2.0/mlflow/experiments/create \\
  -H 'Content-Type: application/json' \\
  -d '{"name": ${name}}'`,
    },
  ]
}
