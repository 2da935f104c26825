import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useId, useMemo, useState, type KeyboardEvent } from "react"
import { useRefusals } from "../../api/capabilities"
import type { FileInfo } from "../../api/generated"
import { bytes } from "../../lib/format"
import { useShortcuts } from "../../lib/keys"
import { serverAddress } from "../../lib/page"
import { Button, buttonClass, IconButton } from "../../ui/Button"
import { Icon, type IconName } from "../../ui/Icon"
import { EmptyState, ErrorBoundary, FailedState, Skeleton } from "../../ui/States"
import { toast } from "../../ui/Toast"
import styles from "./ArtifactBrowser.module.css"
import { DeleteDialog } from "./DeleteDialog"
import { Details } from "./Details"
import { kindOf, type Kind } from "./kinds"
import { Preview } from "./Preview"
import { archiveUrl, filesQuery, fileUrl, REMOVAL, uriOf, type Source } from "./source"

const ICONS: Partial<Record<Kind, IconName>> = {
  image: "image",
  table: "table",
  json: "code",
  config: "settings",
  html: "external",
}

/** The files of a run or of a model: folders that open when they are asked for, and a look at one file. */
export default function ArtifactBrowser({
  source,
  path,
  onPath,
}: {
  source: Source
  path: string
  onPath: (path: string) => void
}) {
  const hint = useId()
  const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")))
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [isDetailed, setDetailed] = useState(false)
  const [doomed, setDoomed] = useState<readonly string[]>([])
  const client = useQueryClient()
  const whyNot = useRefusals(
    source.kind === "run" ? { run_id: source.id } : { model_id: source.id },
  )
  const whyKept = whyNot(REMOVAL[source.kind])
  const flip = (one: string) => {
    const next = new Set(chosen)
    if (!next.delete(one)) next.add(one)
    setChosen(next)
  }
  const top = useQuery(filesQuery(source, ""))
  const beside = useQuery(filesQuery(source, parent)).data
  const file = beside?.find((one) => one.path === path) ?? null
  const files = useMemo(() => (beside ?? []).filter(({ is_dir }) => !is_dir), [beside])
  const step = (by: number) => {
    const at = files.findIndex((one) => one.path === path)
    const next = files[at + by]
    if (next && at >= 0) onPath(next.path)
  }
  useShortcuts([
    { keys: "ArrowRight", label: "Next file", group: "Artifacts", run: () => step(1) },
    { keys: "ArrowLeft", label: "File before", group: "Artifacts", run: () => step(-1) },
  ])
  if (top.isPending) return <Skeleton label="Loading artifacts" />
  if (top.isLoadingError)
    return <FailedState error={top.error} onRetry={() => void top.refetch()} />
  if (top.data.length === 0) {
    return (
      <EmptyState
        icon="file"
        title="No artifacts"
        hint="millrace.log_artifact(path) keeps a file with its run."
      />
    )
  }
  return (
    <div className={styles.browser}>
      <div className={styles.side}>
        <div
          className={styles.tree}
          role="tree"
          aria-label="Artifacts"
          aria-multiselectable="true"
          aria-describedby={hint}
        >
          <Folder
            source={source}
            path=""
            depth={0}
            current={path}
            onPath={onPath}
            chosen={chosen}
            onChosen={flip}
          />
        </div>
        <Chosen
          source={source}
          chosen={chosen}
          whyKept={whyKept}
          onDelete={() => setDoomed([...chosen])}
          onClear={() => setChosen(new Set())}
        />
        <p id={hint} className="visually-hidden">
          Space chooses files and folders to download or delete together.
        </p>
      </div>
      <div className={styles.view}>
        {file && !file.is_dir ? (
          <>
            <FileHead
              source={source}
              file={file}
              isDetailed={isDetailed}
              onDetailed={setDetailed}
              whyKept={whyKept}
              onDelete={() => setDoomed([file.path])}
            />
            {isDetailed && <Details key={file.path} source={source} path={file.path} />}
            <ErrorBoundary what="The preview" resetKey={file.path}>
              <Preview
                key={file.path}
                source={source}
                file={file}
                siblings={files}
                onPath={onPath}
              />
            </ErrorBoundary>
          </>
        ) : (
          <EmptyState
            icon="file"
            title={path ? "Choose a file of this folder" : "Choose a file"}
            hint="Small files are shown as they are opened; of large ones nothing is fetched until you ask."
          />
        )}
      </div>
      {doomed.length > 0 && (
        <DeleteDialog
          source={source}
          paths={doomed}
          onClose={() => setDoomed([])}
          onDone={async () => {
            setChosen(new Set())
            if (doomed.some((one) => `${path}/`.startsWith(`${one}/`))) onPath("")
            // What is still shown of them is not asked for again.
            await client.invalidateQueries({ refetchType: "none" })
            await client.invalidateQueries({ queryKey: ["artifacts", source.id] })
          }}
        />
      )}
    </div>
  )
}

/** Beyond this, servers and proxies refuse an address. */
const LONGEST_URL = 8_000
/** So many paths a removal takes. */
const MOST_DELETED = 1_000

/** What was chosen: to be had as one zip file, or deleted. */
function Chosen({
  source,
  chosen,
  whyKept,
  onDelete,
  onClear,
}: {
  source: Source
  chosen: ReadonlySet<string>
  whyKept: string | null
  onDelete: () => void
  onClear: () => void
}) {
  if (chosen.size === 0) return null
  const href = archiveUrl(source, "", [...chosen])
  const label = `Download ${chosen.size} as zip`
  return (
    <div className={styles.chosen}>
      {href.length > LONGEST_URL ? (
        <Button icon="download" disabledBecause="These are too many at once: choose folders.">
          {label}
        </Button>
      ) : (
        <a className={buttonClass} href={href} download>
          <Icon name="download" size={14} />
          {label}
        </a>
      )}
      <Button
        icon="trash"
        disabledBecause={
          whyKept ?? (chosen.size > MOST_DELETED && "These are too many at once: choose folders.")
        }
        onClick={onDelete}
      >
        Delete {chosen.size}
      </Button>
      <Button variant="quiet" onClick={onClear}>
        Clear
      </Button>
    </div>
  )
}

function FileHead({
  source,
  file,
  isDetailed,
  onDetailed,
  whyKept,
  onDelete,
}: {
  source: Source
  file: FileInfo
  isDetailed: boolean
  onDetailed: (is: boolean) => void
  whyKept: string | null
  onDelete: () => void
}) {
  const href = fileUrl(source, file.path)
  const uri = uriOf(source, file.path)
  const command = `millrace artifacts download --artifact-uri ${JSON.stringify(uri)}`
  const copy = (text: string) =>
    void navigator.clipboard.writeText(text).then(() => toast.done("Copied"))
  return (
    <header className={styles.head}>
      <strong>{file.path}</strong>
      <small title={`${file.file_size ?? 0} bytes`}>{bytes(file.file_size ?? 0)}</small>
      <div>
        <IconButton
          icon="info"
          size="s"
          label="Details"
          aria-pressed={isDetailed}
          onClick={() => onDetailed(!isDetailed)}
        />
        <IconButton icon="link" size="s" label="Copy the URI" onClick={() => copy(uri)} />
        <IconButton
          icon="code"
          size="s"
          label="Copy the command that downloads it"
          onClick={() => copy(`MILLRACE_TRACKING_URI=${serverAddress()} ${command}`)}
        />
        <a
          href={href}
          download={file.path.slice(file.path.lastIndexOf("/") + 1)}
          aria-label="Download"
        >
          <IconButton icon="download" size="s" label="Download" tabIndex={-1} />
        </a>
        <IconButton
          icon="trash"
          size="s"
          label="Delete"
          disabledBecause={whyKept}
          onClick={onDelete}
        />
      </div>
    </header>
  )
}

interface TreeProps {
  source: Source
  depth: number
  current: string
  onPath: (path: string) => void
  chosen: ReadonlySet<string>
  onChosen: (path: string) => void
}

function Folder({ path, ...tree }: TreeProps & { path: string }) {
  const { source } = tree
  const found = useQuery(filesQuery(source, path))
  if (found.isPending) return <Skeleton lines={2} />
  if (found.isLoadingError)
    return <FailedState isInline error={found.error} onRetry={() => void found.refetch()} />
  const sorted = [...found.data].sort(
    (a, b) =>
      Number(b.is_dir) - Number(a.is_dir) ||
      a.path.localeCompare(b.path, undefined, { numeric: true }),
  )
  return (
    <div role="group">
      {sorted.map((one) => (
        <Entry key={one.path} file={one} {...tree} />
      ))}
    </div>
  )
}

function Entry({ file, ...tree }: TreeProps & { file: FileInfo }) {
  const { depth, current, onPath, chosen, onChosen } = tree
  const isChosen = chosen.has(file.path)
  const [isOpen, setOpen] = useState(current.startsWith(`${file.path}/`))
  const name = file.path.slice(file.path.lastIndexOf("/") + 1)
  const icon = file.is_dir ? "folder" : (ICONS[kindOf(file.path)] ?? "file")
  const onKeyDown = (event: KeyboardEvent<HTMLButtonElement>) => {
    const items = [
      ...(event.currentTarget
        .closest("[role=tree]")
        ?.querySelectorAll<HTMLElement>("[role=treeitem]") ?? []),
    ]
    const at = items.indexOf(event.currentTarget)
    if (event.key === "ArrowDown") items[at + 1]?.focus()
    else if (event.key === "ArrowUp") items[at - 1]?.focus()
    else if (event.key === "ArrowRight" && file.is_dir) setOpen(true)
    else if (event.key === "ArrowLeft" && file.is_dir) setOpen(false)
    else if (event.key === " ") onChosen(file.path)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <>
      <button
        type="button"
        role="treeitem"
        className={styles.item}
        style={{ paddingInlineStart: 8 + depth * 16 }}
        aria-selected={current === file.path}
        aria-checked={isChosen}
        aria-expanded={file.is_dir ? isOpen : undefined}
        aria-level={depth + 1}
        title={file.path}
        onKeyDown={onKeyDown}
        onKeyUp={(event) => event.key === " " && event.preventDefault()}
        onClick={(event) => {
          const isBox = (event.target as Element).closest("[data-box]") !== null
          if (isBox || event.ctrlKey || event.metaKey) onChosen(file.path)
          else if (file.is_dir) setOpen(!isOpen)
          else onPath(file.path)
        }}
      >
        <span className={styles.box} data-box="" data-checked={isChosen ? "" : undefined}>
          {isChosen && <Icon name="check" size={12} />}
        </span>
        <Icon name={icon} size={14} />
        <span>{name}</span>
        {!file.is_dir && <small>{bytes(file.file_size ?? 0)}</small>}
        {file.is_dir && <Icon name={isOpen ? "chevronDown" : "chevronRight"} size={12} />}
      </button>
      {isOpen && <Folder {...tree} path={file.path} depth={depth + 1} />}
    </>
  )
}
