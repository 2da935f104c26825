import { useQuery } from "@tanstack/react-query"
import type { Run } from "../../api/generated"
import { Preview } from "../../components/artifacts/Preview"
import { filesQuery, ofRun } from "../../components/artifacts/source"
import { tagsOf } from "../../lib/run"
import { Card } from "../../ui/Card"
import { EmptyState } from "../../ui/States"
import { Table } from "../../ui/Table"
import styles from "./run.module.css"

const FACTS = [
  ["mlflow.source.name", "Source"],
  ["mlflow.source.type", "Kind"],
  ["mlflow.source.git.commit", "Commit"],
  ["mlflow.source.git.branch", "Branch"],
  ["mlflow.source.git.repoURL", "Repository"],
  ["mlflow.project.entryPoint", "Entry point"],
  ["mlflow.docker.image.uri", "Image"],
] as const
const ENVIRONMENT = /(^|\/)(requirements\.txt|conda\.yaml|python_env\.yaml|pyproject\.toml)$/

/** Where the code of a run is, and what it ran in, as far as it was recorded. */
export function CodeTab({ run }: { run: Run }) {
  const tags = tagsOf(run)
  const files = useQuery(filesQuery(ofRun(run.info.run_id), "")).data ?? []
  const folders = files
    .filter(({ path, is_dir }) => is_dir && /model|env|code/i.test(path))
    .slice(0, 1)
  const inside = useQuery({
    ...filesQuery(ofRun(run.info.run_id), folders[0]?.path ?? ""),
    enabled: folders.length > 0,
  }).data
  const environment = [...files, ...(inside ?? [])].filter(({ path }) => ENVIRONMENT.test(path))
  const facts = FACTS.filter(([key]) => tags.get(key))
  if (facts.length === 0 && environment.length === 0) {
    return (
      <EmptyState
        icon="code"
        title="Nothing is recorded of the code"
        hint="Runs that are started inside of a git repository note its commit; models that are logged note their environment."
      />
    )
  }
  return (
    <div className={styles.columns}>
      <Card title="Source">
        <Table caption="Source" head={["", ""]}>
          {facts.map(([key, label]) => (
            <tr key={key}>
              <td>{label}</td>
              <td data-wrap>
                <code>{tags.get(key)}</code>
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      <div className={styles.stack}>
        {environment.map((file) => (
          <Card key={file.path} title={file.path}>
            <Preview source={ofRun(run.info.run_id)} file={file} />
          </Card>
        ))}
      </div>
    </div>
  )
}
