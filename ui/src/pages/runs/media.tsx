import { useQuery } from "@tanstack/react-query"
import { useSearch } from "@tanstack/react-router"
import { useState, type KeyboardEvent } from "react"
import type { KeyedImages, MediaFile } from "../../api/generated"
import { useRefetchInterval } from "../../api/live"
import { fileUrl, ofRun, type Source } from "../../components/artifacts/source"
import { VideoView } from "../../components/artifacts/VideoView"
import { Link, useGo } from "../../components/Link"
import { ImageGrid } from "../../components/media/ImageGrid"
import styles from "../../components/media/media.module.css"
import { mediaQuery } from "../../components/media/query"
import { useSteps } from "../../components/media/StepBar"
import { Tile } from "../../components/media/Tile"
import { useSeen } from "../../components/media/useSeen"
import { bytes, count } from "../../lib/format"
import { stepAt } from "../../lib/steps"
import { paths } from "../../paths"
import { IconButton } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Dialog } from "../../ui/Dialog"
import { SearchField } from "../../ui/Field"
import { EmptyState, FailedState, NoticeBar, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"

interface MediaTabProps {
  run: string
  experiment: string
  isRunning: boolean
}

/** What a run has to look at and to listen to; one slider moves all images to a step. */
export default function MediaTab({ run, experiment, isRunning }: MediaTabProps) {
  const interval = useRefetchInterval(10_000)
  const found = useQuery({ ...mediaQuery(run), refetchInterval: isRunning && interval })
  if (found.isPending) return <Skeleton label="Looking for media" />
  if (found.isLoadingError)
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  const { images = [], files = [], is_partial } = found.data
  if (images.length + files.length === 0) {
    return (
      <EmptyState
        icon="image"
        title="No media"
        hint="millrace.log_image(image, key=…, step=…) shows here as it changes; pictures, sound, films and tables that are logged as files, too."
      />
    )
  }
  const source = ofRun(run)
  return (
    <div className={styles.page}>
      {is_partial && <NoticeBar>There is more than is shown here; see the artifacts.</NoticeBar>}
      {images.length > 0 && <Images images={images} source={source} />}
      <Files files={files} source={source} experiment={experiment} run={run} />
    </div>
  )
}

const KEY = ["key"]

function Images({ images, source }: { images: readonly KeyedImages[]; source: Source }) {
  const search = useSearch({ strict: false }) as { step?: string }
  const go = useGo()
  const [text, setText] = useState("")
  const [opened, setOpened] = useState<string | null>(null)
  const asked = search.step === undefined ? null : Number(search.step)
  const steps = useSteps(images, asked, (step) =>
    go(within(location.pathname, step), { replace: true }),
  )
  const { step, move } = steps
  const shown = images.filter(({ key }) => key.toLowerCase().includes(text.toLowerCase()))
  const openedAt = shown.findIndex(({ key }) => key === opened)
  return (
    <>
      <ImageGrid
        columns={KEY}
        strips={shown.map((one) => ({ cells: [one.key], images: one }))}
        steps={steps}
        tools={
          images.length > 4 && <SearchField label="Find a key" value={text} onChange={setText} />
        }
      >
        <ul className={styles.grid}>
          {shown.map((one) => (
            <Tile
              key={one.key}
              label={one.key}
              images={one}
              step={step}
              source={source}
              onOpen={() => setOpened(one.key)}
            />
          ))}
        </ul>
      </ImageGrid>
      {openedAt >= 0 && (
        <Large
          images={shown}
          at={openedAt}
          step={step}
          source={source}
          onStep={move}
          onKey={(by) => setOpened(shown[openedAt + by]?.key ?? opened)}
          onClose={() => setOpened(null)}
        />
      )}
    </>
  )
}

/** The address of this page with its step; null: the last one, whichever it will be. */
function within(pathname: string, step: number | null): string {
  const base = pathname.slice(pathname.indexOf("/experiments/"))
  return step === null ? base : `${base}?step=${step}`
}

/** One image as large as there is room; arrows lead to other steps and keys. */
function Large({
  images,
  at,
  step,
  source,
  onStep,
  onKey,
  onClose,
}: {
  images: readonly KeyedImages[]
  at: number
  step: number
  source: Source
  onStep: (by: number) => void
  onKey: (by: number) => void
  onClose: () => void
}) {
  const { key = "", steps = [], paths: files = [], timestamps = [] } = images[at] ?? {}
  const place = stepAt(steps, step)
  const path = files[place]
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowRight") onStep(1)
    else if (event.key === "ArrowLeft") onStep(-1)
    else if (event.key === "ArrowDown") onKey(1)
    else if (event.key === "ArrowUp") onKey(-1)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <Dialog
      open
      onClose={onClose}
      size="wide"
      title={key}
      text={`Step ${count(steps[place] ?? 0)}, ${new Date(timestamps[place] ?? 0).toISOString().slice(0, 19).replace("T", " ")} UTC`}
    >
      <div
        className={styles.large}
        tabIndex={0}
        role="group"
        aria-label="Image"
        onKeyDown={onKeyDown}
      >
        {path !== undefined && (
          <img src={fileUrl(source, path)} alt={`${key}, step ${steps[place] ?? 0}`} />
        )}
      </div>
      <div className={styles.moves}>
        <IconButton icon="chevronLeft" label="Step before" onClick={() => onStep(-1)} />
        <IconButton icon="chevronRight" label="Next step" onClick={() => onStep(1)} />
        <IconButton icon="chevronUp" label="Key before" onClick={() => onKey(-1)} />
        <IconButton icon="chevronDown" label="Next key" onClick={() => onKey(1)} />
      </div>
    </Dialog>
  )
}

function Files({
  files,
  source,
  experiment,
  run,
}: {
  files: readonly MediaFile[]
  source: Source
  experiment: string
  run: string
}) {
  const of = (...kinds: MediaFile["kind"][]) => files.filter(({ kind }) => kinds.includes(kind))
  const to = (path: string) => paths.run(experiment, run, "artifacts", path)
  const [pictures, sounds, films, rest] = [
    of("image"),
    of("audio"),
    of("video"),
    of("table", "page"),
  ]
  return (
    <>
      {pictures.length > 0 && (
        <Card title="Pictures" note={count(pictures.length)}>
          <ul className={styles.grid}>
            {pictures.map((file) => (
              <Picture key={file.path} file={file} source={source} to={to(file.path)} />
            ))}
          </ul>
        </Card>
      )}
      {sounds.length > 0 && (
        <Card title="Sound" note={count(sounds.length)}>
          <ul className={styles.players}>
            {sounds.map(({ path }) => (
              <li key={path}>
                <Link to={to(path)}>{path}</Link>
                <audio controls preload="none" src={fileUrl(source, path)} aria-label={path} />
              </li>
            ))}
          </ul>
        </Card>
      )}
      {films.length > 0 && (
        <Card title="Films" note={count(films.length)}>
          <ul className={styles.players}>
            {films.map(({ path }) => (
              <li key={path}>
                <Link to={to(path)}>{path}</Link>
                <VideoView url={fileUrl(source, path)} title={path} />
              </li>
            ))}
          </ul>
        </Card>
      )}
      {rest.length > 0 && (
        <Card title="Tables and pages" note={count(rest.length)}>
          <Table caption="Tables and pages" head={["File", "Kind", ">Size"]}>
            {rest.map(({ path, kind, file_size = 0 }) => (
              <tr key={path}>
                <td data-wrap>
                  <Link to={to(path)} data-inline>
                    {path}
                  </Link>
                </td>
                <td>{kind}</td>
                <td data-align="end">{bytes(file_size)}</td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
    </>
  )
}

const LARGE = 5 * 1024 * 1024

function Picture({ file, source, to }: { file: MediaFile; source: Source; to: string }) {
  const [ref, isSeen] = useSeen()
  const { path, file_size = 0 } = file
  return (
    <li className={styles.tile} ref={ref}>
      <Link to={to} aria-label={path}>
        {file_size > LARGE ? (
          <small>{bytes(file_size)}</small>
        ) : (
          isSeen && <img src={fileUrl(source, path)} alt="" />
        )}
      </Link>
      <span title={path}>{path}</span>
      <small>{bytes(file_size)}</small>
    </li>
  )
}
