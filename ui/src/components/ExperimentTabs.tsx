import { paths } from "../paths"
import { tabs } from "../ui/Tabs"
import { Link } from "./Link"

/** The pages of one experiment. */
export function ExperimentTabs({ id, at }: { id: string; at: "runs" | "models" }) {
  const pages = [
    ["runs", "Runs", paths.experiment(id)],
    ["models", "Logged models", paths.experimentTab(id, "models")],
  ] as const
  return (
    <nav className={tabs.list} aria-label="Experiment">
      {pages.map(([key, label, to]) => (
        <Link key={key} to={to} className={tabs.tab} aria-current={key === at ? "page" : undefined}>
          {label}
        </Link>
      ))}
    </nav>
  )
}
