import { useQuery } from "@tanstack/react-query"
import { useParams } from "@tanstack/react-router"
import { runQuery } from "../../api/queries"
import { ArtifactBrowser, useFilesAhead } from "../../components/artifacts/parts"
import { ofRun } from "../../components/artifacts/source"
import { useGo } from "../../components/Link"
import { useHeading } from "../../components/shell/heading"
import { paths } from "../../paths"

/** The files of a run on a page of their own. */
export default function ArtifactPage() {
  const { eid = "0", rid = "", _splat: path = "" } = useParams({ strict: false })
  const name = useQuery(runQuery(rid)).data?.info.run_name ?? rid
  useFilesAhead(ofRun(rid), path)
  const go = useGo()
  useHeading([
    { label: "Experiments", to: paths.experimentTree() },
    { label: name, to: paths.run(eid, rid, "artifacts") },
    { label: path || "Artifacts" },
  ])
  return (
    <ArtifactBrowser
      source={ofRun(rid)}
      path={path}
      onPath={(next) => go(paths.artifact(eid, rid, next), { replace: true })}
    />
  )
}
