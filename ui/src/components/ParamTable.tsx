import { Copyable } from "../ui/Copy"
import { Table } from "../ui/Table"

/** Params of a run or of a model as they were logged. */
export function ParamTable({ params }: { params: readonly { key: string; value: string }[] }) {
  return (
    <Table caption="Params" head={["Param", "Value"]}>
      {params.map(({ key, value }) => (
        <tr key={key}>
          <td data-wrap>
            <Copyable text={key} label={`the name ${key}`} />
          </td>
          <td data-wrap>
            <Copyable text={value} label={`the value of ${key}`}>
              <code>{value}</code>
            </Copyable>
          </td>
        </tr>
      ))}
    </Table>
  )
}
