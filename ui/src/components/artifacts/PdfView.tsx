import { useEffect, useState } from "react"
import { buttonClass } from "../../ui/Button"
import { EmptyState } from "../../ui/States"
import styles from "./Preview.module.css"

/** Shown by the browser's own viewer, which knows its way about documents that mean harm. */
export default function PdfView({
  body,
  href,
  title,
}: {
  body: ArrayBuffer
  href: string
  title: string
}) {
  const [url] = useState(() => URL.createObjectURL(new Blob([body], { type: "application/pdf" })))
  useEffect(() => () => URL.revokeObjectURL(url), [url])
  if (!navigator.pdfViewerEnabled) {
    return (
      <EmptyState icon="file" title="This browser shows no PDFs">
        <a className={buttonClass} href={href} download>
          Download
        </a>
      </EmptyState>
    )
  }
  return <iframe className={styles.frame} src={url} title={title} />
}
