import DOMPurify, { type Config } from "dompurify"
import { Marked } from "marked"
import { useEffect, useRef } from "react"
import styles from "./Preview.module.css"
import { fileUrl, type Source } from "./source"

const ALLOWED: Config = {
  ALLOWED_TAGS:
    "h1 h2 h3 h4 h5 h6 p br hr ul ol li blockquote pre code em strong del a img table thead tbody tr th td sup sub kbd".split(
      " ",
    ),
  ALLOWED_ATTR: ["href", "src", "alt", "title", "align", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
  RETURN_DOM_FRAGMENT: true,
}

// Raw markup is text: not even the inert parser of the sanitiser gets to see it.
const markdown = new Marked({ gfm: true, renderer: { html: ({ text }) => escaped(text) } })

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}

/** Markdown through an allow-list; its pictures are files beside it, if any, and nothing else. */
export default function MarkdownView({
  text,
  source,
  path,
  isPart = false,
}: {
  text: string
  /** Whose files are beside it; null: nobody's. */
  source: Source | null
  path: string
  /** Within something that scrolls. */
  isPart?: boolean
}) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const html = markdown.parse(text, { async: false })
    // Cleaned as a fragment that is not on the page, so nothing is fetched before we have looked.
    const clean = DOMPurify.sanitize(html, ALLOWED) as unknown as DocumentFragment
    const folder = path.slice(0, path.lastIndexOf("/") + 1)
    for (const image of clean.querySelectorAll("img")) {
      const file = source && within(folder, image.getAttribute("src") ?? "")
      if (file === null || source === null)
        image.replaceWith(image.alt || "(a picture from elsewhere)")
      else image.src = fileUrl(source, file)
    }
    for (const link of clean.querySelectorAll("a")) {
      link.rel = "noopener noreferrer"
      link.target = "_blank"
    }
    place.current?.replaceChildren(clean)
  }, [text, source, path])
  const body = <div ref={place} className={styles.markdown} />
  if (isPart) return body
  return (
    <div className={styles.scroll} tabIndex={0} role="region" aria-label="Document">
      {body}
    </div>
  )
}

/** The path of a file of the run that *source* names from within *folder*; null for all else. */
function within(folder: string, source: string): string | null {
  if (!source || /^([a-z][a-z0-9+.-]*:|\/|\\)/i.test(source)) return null
  const parts: string[] = []
  for (const part of (folder + source).split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return null
    } else if (part && part !== ".") parts.push(part)
  }
  return parts.join("/")
}
