import { useQuery } from "@tanstack/react-query"
import { useSearch } from "@tanstack/react-router"
import { useState } from "react"
import { foundQuery } from "../../api/search"
import { Link, useGo } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { useHeading } from "../../components/shell/heading"
import { plural } from "../../lib/format"
import { paths } from "../../paths"
import { Card } from "../../ui/Card"
import { SearchField } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"

const EACH = 50

export default function SearchPage() {
  const { q = "" } = useSearch({ strict: false }) as { q?: string }
  useHeading([{ label: q ? `Search: ${q}` : "Search" }])
  return <Results key={q} text={q} />
}

function Results({ text }: { text: string }) {
  const [wanted, setWanted] = useState(text)
  const go = useGo()
  const found = useQuery({ ...foundQuery(text.trim(), EACH), enabled: text.trim() !== "" })
  return (
    <PageBody title="Search">
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          go(paths.search(wanted))
        }}
      >
        <SearchField label="Name or id" value={wanted} onChange={setWanted} autoFocus />
      </form>
      {found.isLoading && <Skeleton lines={6} />}
      {found.isLoadingError && (
        <FailedState error={found.error} onRetry={() => void found.refetch()} />
      )}
      {found.data?.length === 0 && (
        <EmptyState
          icon="search"
          title="Nothing has that name"
          hint="Whole ids and parts of names are found."
        />
      )}
      {found.data && found.data.length > 0 && (
        <Card title={plural(found.data.length, "result")}>
          <Table caption="Results" head={["Name", "Kind", ""]}>
            {found.data.map(({ to, label, kind, note }) => (
              <tr key={to}>
                <td data-wrap>
                  <Link to={to} data-inline>
                    {label}
                  </Link>
                </td>
                <td>{kind}</td>
                <td>{note}</td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
    </PageBody>
  )
}
