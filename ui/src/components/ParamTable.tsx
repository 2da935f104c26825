import { Table } from "../ui/Table"

/** Params of a run or of a model as they were logged. */
export function ParamTable({ params }: { params: readonly { key: string; value: string }[] }) {
  return (
    <Table caption="Params" head={["Param", "Value"]}>
      {params.map(({ key, value }) => (
        <tr key={key}>
          <td data-wrap>{key}</td>
          <td data-wrap>
            <code>{value}</code>
          </td>
        </tr>
      ))}
    </Table>
  )
}
