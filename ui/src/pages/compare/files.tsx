import { useQueries, useQuery } from "@tanstack/react-query"
import { useMemo, useState } from "react"
import type { FileInfo, Run } from "../../api/generated"
import { kindOf } from "../../components/artifacts/kinds"
import { Preview } from "../../components/artifacts/Preview"
import { fileQuery, filesQuery, fileUrl, ofRun } from "../../components/artifacts/source"
import { DiffTable, DiffView } from "../../components/DiffView"
import { changesOf, requirement } from "../../components/registry/mlmodel"
import { plural } from "../../lib/format"
import { tagsOf } from "../../lib/run"
import { Card } from "../../ui/Card"
import { Select } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import styles from "./files.module.css"

export type FilesTab = "code" | "environment" | "artifacts"

/** Beyond so many bytes texts are not compared here. */
const MOST_BYTES = 1024 * 1024
/** So many folders are looked into for files that are worth a comparison. */
const MOST_FOLDERS = 20
const CODE_TAGS = [
  ["mlflow.source.name", "Source"],
  ["mlflow.source.type", "Kind"],
  ["mlflow.source.git.commit", "Commit"],
  ["mlflow.source.git.branch", "Branch"],
  ["mlflow.source.git.repoURL", "Repository"],
  ["mlflow.source.git.dirty", "Uncommitted changes"],
  ["mlflow.project.entryPoint", "Entry point"],
  ["mlflow.docker.image.uri", "Image"],
] as const
const CODE =
  /\.(py|pyx|ipynb|r|jl|java|scala|sh|sql|js|ts|c|cpp|h|rs|go|diff|patch)$|(^|\/)MLproject$/i
const ENVIRONMENT =
  /(^|\/)(requirements[^/]*\.txt|conda\.ya?ml|python_env\.ya?ml|pyproject\.toml|[^/]*\.lock|Dockerfile)$/i
const IS_REQUIREMENTS = /requirements[^/]*\.txt$/i

interface Side {
  id: string
  name: string
  run: Run
}

/** Files of two runs beside each other: what differs in their code, packages and artifacts. */
export default function FilesOfTwo({ runs, tab }: { runs: readonly Run[]; tab: FilesTab }) {
  const [other, setOther] = useState(1)
  const first = sideOf(runs[0])
  const second = sideOf(runs[Math.min(other, runs.length - 1)])
  if (!first || !second || runs.length < 2) {
    return <EmptyState icon="compare" title="Two runs are needed" />
  }
  return (
    <div className={styles.page}>
      {runs.length > 2 && (
        <Select
          label={`${first.name} and`}
          value={String(other)}
          onChange={(next) => setOther(Number(next))}
          choices={runs.slice(1).map(({ info }, at) => [String(at + 1), info.run_name] as const)}
        />
      )}
      <Files key={second.id} first={first} second={second} tab={tab} />
    </div>
  )
}

function sideOf(run: Run | undefined): Side | null {
  return run ? { id: run.info.run_id, name: run.info.run_name, run } : null
}

function Files({ first, second, tab }: { first: Side; second: Side; tab: FilesTab }) {
  const left = useFiles(first.id)
  const right = useFiles(second.id)
  if (left.error ?? right.error) return <FailedState error={left.error ?? right.error} />
  if (left.isPending || right.isPending) return <Skeleton label="Loading the lists of files" />
  const pairs = paired(left.files, right.files)
  if (tab === "artifacts") return <Artifacts first={first} second={second} pairs={pairs} />
  const shown = pairs.filter(({ path }) => (tab === "code" ? CODE : ENVIRONMENT).test(path))
  const facts = (side: Side) => {
    const tags = tagsOf(side.run)
    return CODE_TAGS.flatMap(([key, label]) => {
      const value = tags.get(key)
      return value === undefined ? [] : [[label, value] as const]
    })
  }
  return (
    <>
      {tab === "code" && (
        <DiffTable
          isOnly
          title="Source"
          before={first.name}
          after={second.name}
          changes={changesOf(facts(first), facts(second))}
        />
      )}
      {shown.map((pair) => (
        <FileDiff key={pair.path} first={first} second={second} pair={pair} />
      ))}
      {shown.length === 0 && (
        <EmptyState
          icon={tab === "code" ? "code" : "settings"}
          title={tab === "code" ? "No files of code" : "No files of an environment"}
          hint={
            tab === "code"
              ? "Scripts, notebooks and patches that runs keep among their artifacts are compared here."
              : "Logged models keep their requirements; they are compared here."
          }
        />
      )}
    </>
  )
}

interface Pair {
  path: string
  before: FileInfo | undefined
  after: FileInfo | undefined
}

function paired(left: readonly FileInfo[], right: readonly FileInfo[]): Pair[] {
  const found = new Map<string, Pair>()
  for (const file of left) found.set(file.path, { path: file.path, before: file, after: undefined })
  for (const file of right) {
    found.set(file.path, { path: file.path, before: found.get(file.path)?.before, after: file })
  }
  return [...found.values()].sort((a, b) => a.path.localeCompare(b.path))
}

/** The files of a run at its top and one or two folders below. */
function useFiles(run: string) {
  const top = useQuery(filesQuery(ofRun(run), ""))
  const below = useFolders(run, top.data)
  const deep = useFolders(run, below.files)
  const parts = [top, ...below.queries, ...deep.queries]
  return {
    files: [...(top.data ?? []), ...below.files, ...deep.files].filter(({ is_dir }) => !is_dir),
    isPending: parts.some(({ isPending }) => isPending),
    error: parts.find(({ error }) => error)?.error ?? null,
  }
}

function useFolders(run: string, within: readonly FileInfo[] = []) {
  const folders = within.filter(({ is_dir }) => is_dir).slice(0, MOST_FOLDERS)
  const queries = useQueries({ queries: folders.map(({ path }) => filesQuery(ofRun(run), path)) })
  return { queries, files: queries.flatMap(({ data }) => data ?? []) }
}

function FileDiff({ first, second, pair }: { first: Side; second: Side; pair: Pair }) {
  const { path, before, after } = pair
  const isLarge = Math.max(before?.file_size ?? 0, after?.file_size ?? 0) > MOST_BYTES
  const texts = useTexts(first, second, pair, !isLarge)
  if (isLarge) {
    return (
      <Card title={path}>
        <EmptyState isInline title="Too large to compare here" />
      </Card>
    )
  }
  if (texts.error) {
    return (
      <Card title={path}>
        <FailedState error={texts.error} isInline />
      </Card>
    )
  }
  if (!texts.both) return <Skeleton lines={4} />
  const [old, now] = texts.both
  if (IS_REQUIREMENTS.test(path)) {
    return (
      <DiffTable
        isOnly
        title={path}
        before={first.name}
        after={second.name}
        changes={changesOf(packages(old), packages(now))}
      />
    )
  }
  const only = !before ? second.name : !after ? first.name : null
  return (
    <Card title={path} note={only !== null && `only in ${only}`}>
      <DiffView before={old} after={now} />
    </Card>
  )
}

function packages(text: string): [string, string][] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#") && !line.startsWith("-"))
    .map(requirement)
}

/** The text of a file on both sides; of the side that lacks it "". */
function useTexts(first: Side, second: Side, { path, before, after }: Pair, isWanted: boolean) {
  const old = useQuery({
    ...fileQuery(ofRun(first.id), path),
    enabled: isWanted && hasBytes(before),
  })
  const now = useQuery({
    ...fileQuery(ofRun(second.id), path),
    enabled: isWanted && hasBytes(after),
  })
  const both = useMemo((): [string, string] | null => {
    if ((hasBytes(before) && !old.data) || (hasBytes(after) && !now.data)) return null
    const decoder = new TextDecoder()
    return [decoder.decode(old.data), decoder.decode(now.data)]
  }, [old.data, now.data, before, after])
  return { both, error: old.error ?? now.error }
}

const hasBytes = (file: FileInfo | undefined) => (file?.file_size ?? 0) > 0

function Artifacts({
  first,
  second,
  pairs,
}: {
  first: Side
  second: Side
  pairs: readonly Pair[]
}) {
  const [path, setPath] = useState<string | null>(null)
  const shared = pairs.filter(({ before, after }) => before && after).length
  const chosen =
    pairs.find((pair) => pair.path === path) ??
    pairs.find((pair) => pair.before && pair.after) ??
    pairs[0]
  if (!chosen) return <EmptyState icon="file" title="Neither has artifacts" />
  const isImage = kindOf(chosen.path) === "image" && chosen.before && chosen.after
  return (
    <>
      <Select
        label={`File (${plural(shared, "path")} in both)`}
        value={chosen.path}
        onChange={setPath}
        choices={pairs.map((pair) => [pair.path, labelOf(pair, first, second)] as const)}
      />
      {isImage && <Slider first={first} second={second} path={chosen.path} />}
      {kindOf(chosen.path) === "text" && chosen.before && chosen.after && (
        <FileDiff first={first} second={second} pair={chosen} />
      )}
      <div className={styles.sides}>
        {(
          [
            [first, chosen.before],
            [second, chosen.after],
          ] as const
        ).map(([side, file]) => (
          <Card key={side.id} title={side.name}>
            {file ? (
              <Preview key={file.path} source={ofRun(side.id)} file={file} />
            ) : (
              <EmptyState isInline title="Not in this run" />
            )}
          </Card>
        ))}
      </div>
    </>
  )
}

function labelOf({ path, before, after }: Pair, first: Side, second: Side): string {
  if (before && after) return path
  return `${path} (only in ${before ? first.name : second.name})`
}

/** Two pictures on one place; the slider says how much of the second covers the first. */
function Slider({ first, second, path }: { first: Side; second: Side; path: string }) {
  const [share, setShare] = useState(50)
  const source = (side: Side) => fileUrl(ofRun(side.id), path)
  return (
    <Card title="One over the other" note={`${first.name} left, ${second.name} right`} isPadded>
      <div className={styles.over}>
        <img src={source(first)} alt={`${path} of ${first.name}`} />
        <img
          src={source(second)}
          alt={`${path} of ${second.name}`}
          style={{ clipPath: `inset(0 0 0 ${share}%)` }}
        />
      </div>
      <input
        type="range"
        className={styles.share}
        aria-label="Where the second picture begins"
        min={0}
        max={100}
        value={share}
        onChange={(event) => setShare(Number(event.target.value))}
      />
    </Card>
  )
}
