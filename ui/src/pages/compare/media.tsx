import { useQueries } from "@tanstack/react-query"
import { useState } from "react"
import type { KeyedImages, Run } from "../../api/generated"
import { fileUrl, ofRun } from "../../components/artifacts/source"
import { ImageGrid } from "../../components/media/ImageGrid"
import styles from "../../components/media/media.module.css"
import { mediaQuery } from "../../components/media/query"
import { useSteps } from "../../components/media/StepBar"
import { Tile } from "../../components/media/Tile"
import { count, plural } from "../../lib/format"
import { stepAt } from "../../lib/steps"
import { Card } from "../../ui/Card"
import { Dialog } from "../../ui/Dialog"
import { SearchField } from "../../ui/Field"
import { EmptyState, FailedState, NoticeBar, Skeleton } from "../../ui/States"

/** Each run is a request, and a picture for each key. */
const MOST_RUNS = 24
const RUN_AND_KEY = ["run", "key"]

interface Shot {
  run: Run
  images: KeyedImages
}

/** Images of several runs by key, all at one step. */
export default function MediaOfRuns({
  runs: all,
  step: asked,
  onStep,
}: {
  runs: readonly Run[]
  /** null: the last one. */
  step: number | null
  onStep: (step: number | null) => void
}) {
  const [text, setText] = useState("")
  const [opened, setOpened] = useState<Shot | null>(null)
  const runs = all.slice(0, MOST_RUNS)
  const found = useQueries({ queries: runs.map(({ info }) => mediaQuery(info.run_id)) })
  const shots = runs.flatMap((run, at) =>
    (found[at]?.data?.images ?? []).map((images): Shot => ({ run, images })),
  )
  const steps = useSteps(
    shots.map(({ images }) => images),
    asked,
    onStep,
  )
  const failed = found.find(({ isLoadingError }) => isLoadingError)
  if (failed) return <FailedState error={failed.error} onRetry={() => void failed.refetch()} />
  if (found.some(({ isPending }) => isPending)) return <Skeleton label="Looking for media" />
  const byKey = [...Map.groupBy(shots, ({ images }) => images.key)]
    .filter(([key]) => key.toLowerCase().includes(text.toLowerCase()))
    .sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }))
  if (shots.length === 0) {
    return (
      <EmptyState
        icon="image"
        title="No media"
        hint="millrace.log_image(image, key=…, step=…) shows here; of other pictures see the artifacts."
      />
    )
  }
  return (
    <div className={styles.page}>
      {all.length > MOST_RUNS && (
        <NoticeBar tone="info">{`The first ${MOST_RUNS} of ${plural(all.length, "run")} are shown.`}</NoticeBar>
      )}
      <ImageGrid
        columns={RUN_AND_KEY}
        strips={byKey.flatMap(([key, list]) =>
          list.map(({ run, images }) => ({ cells: [run.info.run_name, key], images })),
        )}
        steps={steps}
        tools={<SearchField label="Find a key" value={text} onChange={setText} />}
      >
        {byKey.map(([key, list]) => (
          <Card key={key} title={key} note={plural(list.length, "run")}>
            <ul className={styles.grid}>
              {list.map((shot) => (
                <Tile
                  key={shot.run.info.run_id}
                  label={shot.run.info.run_name}
                  images={shot.images}
                  step={steps.step}
                  source={ofRun(shot.run.info.run_id)}
                  onOpen={() => setOpened(shot)}
                />
              ))}
            </ul>
          </Card>
        ))}
      </ImageGrid>
      {opened && <Large shot={opened} step={steps.step} onClose={() => setOpened(null)} />}
    </div>
  )
}

function Large({ shot, step, onClose }: { shot: Shot; step: number; onClose: () => void }) {
  const { info } = shot.run
  const { key, steps = [], paths: files = [] } = shot.images
  const at = stepAt(steps, step)
  const path = files[at]
  return (
    <Dialog
      open
      onClose={onClose}
      size="wide"
      title={`${key} of ${info.run_name}`}
      text={`Step ${count(steps[at] ?? 0)}`}
    >
      <div className={styles.large}>
        {path !== undefined && (
          <img src={fileUrl(ofRun(info.run_id), path)} alt={`${key}, step ${steps[at] ?? 0}`} />
        )}
      </div>
    </Dialog>
  )
}
