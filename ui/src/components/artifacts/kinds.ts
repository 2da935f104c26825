/** How a file is shown, by its name. */

export type Kind =
  | "image"
  | "table"
  | "json"
  | "config"
  | "notebook"
  | "markdown"
  | "html"
  | "model"
  | "text"
  | "packed"
  | "video"
  | "audio"
  | "pdf"
  | "header"
  | "other"

const KINDS: Record<Exclude<Kind, "other" | "model">, string> = {
  image: "png jpg jpeg webp gif svg avif bmp ico",
  table: "csv tsv parquet feather arrow",
  json: "json geojson jsonl",
  config: "yaml yml toml",
  notebook: "ipynb",
  markdown: "md markdown",
  html: "html htm",
  text: "txt log ini cfg py js ts sh sql r java c cpp h rs go css xml lock rst tex env diff patch",
  packed: "gz",
  video: "mp4 webm mov",
  audio: "wav mp3 ogg flac m4a",
  pdf: "pdf",
  header: "npy npz safetensors onnx zip tar whl jar keras skops",
}
const BY_SUFFIX = new Map(
  Object.entries(KINDS).flatMap(([kind, list]) =>
    list.split(" ").map((suffix) => [suffix.toLowerCase(), kind as Kind]),
  ),
)
/** Files without a suffix that are text all the same. */
const TEXT_NAMES = /^(MLproject|Dockerfile|Makefile|LICENSE|README|requirements)$/i

export function kindOf(path: string): Kind {
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (name === "MLmodel") return "model"
  if (TEXT_NAMES.test(name)) return "text"
  const dot = name.lastIndexOf(".")
  return (dot < 0 ? undefined : BY_SUFFIX.get(name.slice(dot + 1).toLowerCase())) ?? "other"
}

/**
 * Shown as they come, or a part at a time; all else is loaded whole, and only up to a size. The browser
 * shows a large picture as it comes, but it is fetched whole all the same.
 */
export const STREAMS: ReadonlySet<Kind> = new Set<Kind>(["video", "audio", "table", "header"])

export const LARGE = 5 * 1024 * 1024
export const HEX_BYTES = 4096
