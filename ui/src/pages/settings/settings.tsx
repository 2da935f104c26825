import { useParams } from "@tanstack/react-router"
import { Swatch } from "../../charts/Swatch"
import { Link } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { useHeading } from "../../components/shell/heading"
import {
  density,
  digits,
  palette,
  singleKeys,
  timesInUtc,
  userName,
  type Density,
  type Digits,
  type Palette,
} from "../../lib/prefs"
import { strokesOf } from "../../lib/colours"
import { count, value } from "../../lib/format"
import { page, serverAddress } from "../../lib/page"
import { useStore } from "../../lib/store"
import { THEMES, theme, type Theme } from "../../lib/theme"
import { paths } from "../../paths"
import { Card } from "../../ui/Card"
import { Snippet } from "../../ui/Copy"
import { Checkbox, Field } from "../../ui/Field"
import { Segments, tabs } from "../../ui/Tabs"
import styles from "./settings.module.css"

const SECTIONS = [
  ["profile", "Profile"],
  ["appearance", "Appearance"],
  ["shortcuts", "Shortcuts"],
  ["server", "Server"],
] as const
const THEME_NAMES: Record<Theme, string> = {
  system: "As the system",
  light: "Light",
  dark: "Dark",
  contrast: "High contrast",
}
const DENSITIES: readonly { key: Density; label: string }[] = [
  { key: "compact", label: "Compact" },
  { key: "normal", label: "Normal" },
  { key: "roomy", label: "Roomy" },
]

const PALETTE_NAMES: readonly { key: Palette; label: string }[] = [
  { key: "many", label: "Many" },
  { key: "few", label: "Few, far apart" },
]
const NUMBERS: readonly { key: Digits; label: string }[] = [
  { key: "short", label: "Three digits" },
  { key: "usual", label: "Five digits" },
  { key: "all", label: "All digits" },
]
const EXAMPLES = [0.123456789, 12.3456789, 1.23456789e-7]

/** What this browser remembers of its person. */
export default function SettingsPage() {
  const { section = "appearance" } = useParams({ strict: false })
  const name = SECTIONS.find(([key]) => key === section)?.[1] ?? "Appearance"
  useHeading([{ label: "Settings", to: paths.settings() }, { label: name }])
  const chosen = useStore(theme)
  const dense = useStore(density)
  const single = useStore(singleKeys)
  const colours = useStore(palette)
  const told = useStore(digits)
  const utc = useStore(timesInUtc)
  const me = useStore(userName)
  return (
    <PageBody title="Settings">
      <nav className={tabs.list} aria-label="Sections">
        {SECTIONS.map(([key, label]) => (
          <Link
            key={key}
            to={paths.settings(key)}
            className={tabs.tab}
            aria-current={label === name ? "page" : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      {name === "Profile" && (
        <Card title="Your name" isPadded>
          <Field
            label="Name"
            value={me}
            onChange={(text) => userName.set(text)}
            autoComplete="username"
            hint="This server has no accounts: it takes you at your word. Runs that you stop, views that you save, tasks and decisions bear this name; without one they are anonymous."
          />
        </Card>
      )}
      {name === "Appearance" && (
        <>
          <Card title="Theme" isPadded>
            <Segments
              label="Theme"
              value={chosen}
              onChange={(next) => theme.set(next)}
              choices={THEMES.map((key) => ({ key, label: THEME_NAMES[key] }))}
            />
          </Card>
          <Card title="Colours of runs" isPadded>
            <Segments
              label="Colours"
              value={colours}
              onChange={(next) => palette.set(next)}
              choices={PALETTE_NAMES}
            />
            <p className={styles.colours} data-testid="colours">
              {strokesOf(colours).map((stroke) => (
                <Swatch key={stroke.light} stroke={stroke} width={24} />
              ))}
            </p>
            <p className={styles.muted}>
              {count(strokesOf(colours).length)} colours, and dashes where they come again. Both
              sets are chosen so that they can be told apart without red, green or blue cones.
            </p>
          </Card>
          <Card title="Numbers" isPadded>
            <Segments
              label="Numbers"
              value={told}
              onChange={(next) => digits.set(next)}
              choices={NUMBERS}
            />
            <p className={styles.muted} data-testid="numbers">
              {EXAMPLES.map((one) => value(one, told)).join(" · ")}
            </p>
          </Card>
          <Card title="Rows of tables" isPadded>
            <Segments
              label="Rows"
              value={dense}
              onChange={(next) => density.set(next)}
              choices={DENSITIES}
            />
          </Card>
          <Card title="Times" isPadded>
            <Checkbox
              label="Show times in UTC"
              checked={utc}
              onChange={(on) => timesInUtc.set(on)}
            />
          </Card>
        </>
      )}
      {name === "Shortcuts" && (
        <Card title="Single letters" isPadded>
          <Checkbox
            label="Single letters act outside of fields"
            checked={single}
            onChange={(on) => singleKeys.set(on)}
          />
        </Card>
      )}
      {name === "Server" && (
        <Card title={`Millrace ${page.version}`} isPadded>
          <Snippet label="tracking URI" text={serverAddress()} />
          <p>
            <Link to={paths.admin("server")} data-inline="">
              What it runs on, and its settings
            </Link>
          </p>
        </Card>
      )}
    </PageBody>
  )
}
