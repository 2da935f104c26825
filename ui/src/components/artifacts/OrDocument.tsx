import { useState, type ReactNode } from "react"
import { Button } from "../../ui/Button"
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
        <Button
          size="s"
          variant="quiet"
          aria-pressed={isDocument}
          onClick={() => setDocument(!isDocument)}
        >
          Document
        </Button>
        <span>{note}</span>
      </Notes>
      {isDocument ? <JsonView text={text} isLines={false} /> : children}
    </>
  )
}
