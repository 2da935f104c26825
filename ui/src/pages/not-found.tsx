import { useState } from "react"
import { useGo } from "../components/Link"
import { useHeading } from "../components/shell/heading"
import { paths } from "../paths"
import { Button } from "../ui/Button"
import { SearchField } from "../ui/Field"
import { EmptyState } from "../ui/States"

export default function NotFound() {
  useHeading([{ label: "Not found" }])
  const [text, setText] = useState("")
  const go = useGo()
  return (
    <EmptyState
      icon="search"
      title="There is nothing at this address"
      hint="It may have been moved, or the address is not whole. Search for it by name or id."
    >
      <form
        role="search"
        style={{ display: "flex", gap: "var(--space-2)" }}
        onSubmit={(event) => {
          event.preventDefault()
          go(paths.search(text))
        }}
      >
        <SearchField label="Name or id" value={text} onChange={setText} />
        <Button type="submit" variant="primary">
          Search
        </Button>
      </form>
    </EmptyState>
  )
}
