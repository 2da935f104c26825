import { useQuery } from "@tanstack/react-query"
import { Command } from "cmdk"
import { Dialog } from "radix-ui"
import { useDeferredValue, useState } from "react"
import { foundQuery, type Found } from "../../api/search"
import { shortcuts } from "../../lib/keys"
import { useStore } from "../../lib/store"
import { paths } from "../../paths"
import { Icon, type IconName } from "../../ui/Icon"
import { Keys } from "../../ui/Keys"
import { useGo } from "../Link"
import styles from "./CommandPalette.module.css"
import { visits } from "./heading"
import { FOOT, PLACES } from "./Rail"

const ICONS: Record<Found["kind"], IconName> = {
  run: "play",
  experiment: "experiments",
  model: "models",
}

/** Goes anywhere and does anything that the present page offers. */
export default function CommandPalette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("")
  const wanted = useDeferredValue(text.trim())
  const found = useQuery({ ...foundQuery(wanted), enabled: wanted.length > 1 })
  const recent = useStore(visits)
  const [commands] = useState(() => shortcuts().filter(({ group }) => group !== "Go to"))
  const go = useGo()
  const open = (to: string) => {
    onClose()
    go(to)
  }
  const has = (label: string) => label.toLowerCase().includes(wanted.toLowerCase())
  const places = [...PLACES, ...FOOT].filter(({ label }) => has(label))
  const doable = wanted ? commands.filter(({ label }) => has(label)) : []
  const results = wanted.length > 1 ? (found.data ?? []) : []
  // The best is chosen when it comes; until then what was chosen is.
  const best = results[0]?.to ?? ""
  const [chosen, setChosen] = useState("")
  const [known, setKnown] = useState(best)
  if (best !== known) {
    setKnown(best)
    setChosen(best)
  }
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={styles.shade} />
        <Dialog.Content className={styles.box} aria-describedby={undefined}>
          <Dialog.Title className="visually-hidden">Search or go to</Dialog.Title>
          <Command
            value={chosen}
            onValueChange={setChosen}
            shouldFilter={false}
            loop
            label="Search or go to"
          >
            <Command.Input
              className={styles.input}
              placeholder="Experiments, runs, models, ids, commands"
              value={text}
              onValueChange={setText}
            />
            <Command.List
              className={styles.list}
              data-state={found.isFetching ? "loading" : "ready"}
            >
              <Command.Empty className={styles.empty}>
                {found.isFetching ? "Searching…" : "Nothing has that name."}
              </Command.Empty>
              {results.length > 0 && (
                <Command.Group heading="Found">
                  {results.map(({ to, label, kind, note }) => (
                    <Item
                      key={to}
                      value={to}
                      icon={ICONS[kind]}
                      note={note}
                      onSelect={() => open(to)}
                    >
                      {label}
                    </Item>
                  ))}
                </Command.Group>
              )}
              {!wanted && recent.length > 0 && (
                <Command.Group heading="Recent">
                  {recent.map(({ to, label, kind }) => (
                    <Item
                      key={to}
                      value={`recent ${to}`}
                      icon="clock"
                      note={kind}
                      onSelect={() => open(to)}
                    >
                      {label}
                    </Item>
                  ))}
                </Command.Group>
              )}
              {places.length > 0 && (
                <Command.Group heading="Go to">
                  {places.map(({ label, icon, to, keys }) => (
                    <Item
                      key={to}
                      value={`place ${to}`}
                      icon={icon}
                      keys={keys}
                      onSelect={() => open(to)}
                    >
                      {label}
                    </Item>
                  ))}
                </Command.Group>
              )}
              {doable.length > 0 && (
                <Command.Group heading="Do">
                  {doable.map(({ label, keys, run }) => (
                    <Item
                      key={keys}
                      value={`do ${keys}`}
                      icon="chevronRight"
                      keys={keys}
                      onSelect={() => {
                        onClose()
                        run(new KeyboardEvent("keydown"))
                      }}
                    >
                      {label}
                    </Item>
                  ))}
                </Command.Group>
              )}
              {wanted && (
                <Command.Group heading="More">
                  <Item value="all" icon="search" onSelect={() => open(paths.search(wanted))}>
                    {`Search everything for “${wanted}”`}
                  </Item>
                </Command.Group>
              )}
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function Item({
  value,
  icon,
  note,
  keys,
  onSelect,
  children,
}: {
  value: string
  icon: IconName
  note?: string | undefined
  keys?: string | undefined
  onSelect: () => void
  children: string
}) {
  return (
    <Command.Item value={value} className={styles.item} onSelect={onSelect}>
      <Icon name={icon} />
      <span>{children}</span>
      {(note ?? keys) && <small>{note ?? (keys && <Keys keys={keys} />)}</small>}
    </Command.Item>
  )
}
