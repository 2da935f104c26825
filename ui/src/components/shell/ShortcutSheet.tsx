import { shortcuts } from "../../lib/keys"
import { singleKeys } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { Dialog } from "../../ui/Dialog"
import { Checkbox } from "../../ui/Field"
import { Keys } from "../../ui/Keys"
import styles from "./ShortcutSheet.module.css"

/** The shortcuts of the present page. */
export function ShortcutSheet({ open, onClose }: { open: boolean; onClose: () => void }) {
  const single = useStore(singleKeys)
  const groups = Map.groupBy(open ? shortcuts() : [], ({ group }) => group)
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Keyboard shortcuts"
      size="wide"
      foot={
        <Checkbox
          label="Single letters act"
          checked={single}
          onChange={(on) => singleKeys.set(on)}
        />
      }
    >
      <div className={styles.sheet}>
        {[...groups].map(([group, list]) => (
          <section key={group} aria-label={group}>
            <h3>{group}</h3>
            <dl>
              {list.map(({ keys, label }) => (
                <div key={keys}>
                  <dt>{label}</dt>
                  <dd>
                    <Keys keys={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
