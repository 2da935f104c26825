import { useHeading } from "../../components/shell/heading"
import { EmptyState } from "../../ui/States"

export default function Page() {
  useHeading([{ label: "Admin" }])
  return (
    <EmptyState
      title="This page is being built"
      hint="The command line and the Python client do everything that it will."
    />
  )
}
