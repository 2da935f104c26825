import { useParams } from "@tanstack/react-router"
import type { ComponentType } from "react"
import { Link } from "../../components/Link"
import { useHeading } from "../../components/shell/heading"
import { paths } from "../../paths"
import { tabs } from "../../ui/Tabs"
import { ServerSection } from "./server"
import { StorageSection } from "./storage"
import { TasksSection } from "./tasks"
import { WebhooksSection } from "./webhooks"

interface Section {
  key: string
  label: string
  Content: ComponentType<{ sections: React.ReactNode }>
}

const SECTIONS: readonly [Section, ...Section[]] = [
  { key: "webhooks", label: "Webhooks", Content: WebhooksSection },
  { key: "storage", label: "Storage", Content: StorageSection },
  { key: "tasks", label: "Tasks", Content: TasksSection },
  { key: "server", label: "Server", Content: ServerSection },
]

/** What whoever runs the server looks after. */
export default function AdminPage() {
  const { section } = useParams({ strict: false })
  const { label, Content } = SECTIONS.find(({ key }) => key === section) ?? SECTIONS[0]
  useHeading([{ label: "Admin", to: paths.admin() }, { label }])
  return (
    <Content
      sections={
        <nav className={tabs.list} aria-label="Sections">
          {SECTIONS.map((one) => (
            <Link
              key={one.key}
              to={paths.admin(one.key)}
              className={tabs.tab}
              aria-current={one.label === label ? "page" : undefined}
            >
              {one.label}
            </Link>
          ))}
        </nav>
      }
    />
  )
}
