import { useQuery } from "@tanstack/react-query"
import { serverAddress } from "../../lib/page"
import { Badge } from "../../ui/Badge"
import { Snippet } from "../../ui/Copy"
import { Table } from "../../ui/Table"
import { readModel, readScan } from "../registry/mlmodel"
import { SignatureTable } from "../registry/SignatureTable"
import type { PreviewProps } from "./Preview"
import styles from "./Preview.module.css"
import { fileQuery, filesQuery, uriOf } from "./source"
import TextView from "./TextView"

/** A model by its MLmodel file: what it takes and gives, needs and holds, and how it is used. */
export default function ModelView({ source, file, text }: PreviewProps & { text: string }) {
  const folder = file.path.includes("/") ? file.path.slice(0, file.path.lastIndexOf("/")) : ""
  const inside = (name: string) => (folder ? `${folder}/${name}` : name)
  const beside = useQuery(filesQuery(source, folder)).data ?? []
  const has = (name: string) => beside.some(({ path }) => path === inside(name))
  const needs = useQuery({
    ...fileQuery(source, inside("requirements.txt")),
    enabled: has("requirements.txt"),
  }).data
  const example = useQuery({
    ...fileQuery(source, inside("input_example.json")),
    enabled: has("input_example.json"),
  }).data
  const model = readModel(text, needs ? new TextDecoder().decode(needs) : "")
  const scan = readScan(text)
  const uri = source.kind === "model" ? `models:/${source.id}` : uriOf(source, folder)
  return (
    <div
      className={`${styles.scroll} ${styles.model}`}
      tabIndex={0}
      role="region"
      aria-label="Model"
    >
      <section>
        <h3>Flavors</h3>
        <p className={styles.words}>
          {model.flavors.map((name) => (
            <Badge key={name}>{name.replace("python_function", "pyfunc")}</Badge>
          ))}
        </p>
      </section>
      <section>
        <h3>Signature</h3>
        <SignatureTable inputs={model.inputs} outputs={model.outputs} />
      </section>
      <section>
        <h3>Use it</h3>
        <Snippet
          label="Python"
          text={`import millrace\n\nmillrace.set_tracking_uri("${serverAddress()}")\nmodel = millrace.pyfunc.load_model("${uri}")`}
        />
        <Snippet
          label="serve"
          text={`MILLRACE_TRACKING_URI=${serverAddress()} millrace models serve -m ${uri}`}
        />
        <Snippet
          label="score a file"
          text={`MILLRACE_TRACKING_URI=${serverAddress()} millrace models predict -m ${uri} -i rows.csv -o scored.csv`}
        />
      </section>
      <section>
        <h3>What a look at its files found</h3>
        {scan.length === 0 ? (
          <p className={styles.faint}>No file of it is known to run code when it is loaded.</p>
        ) : (
          <Table caption="Scan" head={["File", "Format", "Dangerous names"]}>
            {scan.map(({ path, format, dangerous }) => (
              <tr key={path}>
                <td data-wrap>{path}</td>
                <td>{format}</td>
                <td data-wrap>
                  {dangerous.length > 0 ? (
                    <Badge tone="bad">{dangerous.join(", ")}</Badge>
                  ) : (
                    "none that is known"
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </section>
      {model.requirements.length > 0 && (
        <section>
          <h3>Requirements</h3>
          <ul>
            {model.requirements.map((line) => (
              <li key={line}>
                <code>{line}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
      {example && example.byteLength < 100_000 && (
        <section>
          <h3>Example</h3>
          <pre>{new TextDecoder().decode(example)}</pre>
        </section>
      )}
      <section className={styles.raw}>
        <h3>MLmodel</h3>
        <TextView text={text} />
      </section>
    </div>
  )
}
