import { Table } from "../../ui/Table"
import type { SignatureColumn } from "./mlmodel"
import styles from "./registry.module.css"

/** What a model takes and gives. */
export function SignatureTable({
  inputs,
  outputs,
}: {
  inputs: readonly SignatureColumn[]
  outputs: readonly SignatureColumn[]
}) {
  if (inputs.length + outputs.length === 0) {
    return <p className={styles.muted}>The model states no signature.</p>
  }
  const rows = [
    ...inputs.map((column) => ({ ...column, side: "input" })),
    ...outputs.map((column) => ({ ...column, side: "output" })),
  ]
  return (
    <Table caption="Signature" head={["", "Name", "Type"]}>
      {rows.map(({ side, name, type, isRequired }) => (
        <tr key={`${side}/${name}`}>
          <td>{side}</td>
          <td data-wrap="">{name}</td>
          <td>
            {type}
            {!isRequired && " (optional)"}
          </td>
        </tr>
      ))}
    </Table>
  )
}
