import { useState, type ReactNode } from "react"
import { Toggle } from "../../ui/Toggle"
import JsonView from "./JsonView"
import { Notes } from "./SandboxView"

/** What is drawn of a JSON document, or the document: a button changes between them. */
export default function OrDocument({
  text,
  note,
  children,
}: {
  text: string
  note: string
  children: ReactNode
}) {
  const [isDocument, setDocument] = useState(false)
  return (
    <>
      <Notes>
        <Toggle on={isDocument} onChange={setDocument}>
          Document
        </Toggle>
        <span>{note}</span>
      </Notes>
      {isDocument ? <JsonView text={text} isLines={false} /> : children}
    </>
  )
}
