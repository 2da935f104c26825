const IS_MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent)

const SHOWN: Record<string, string> = {
  ctrl: IS_MAC ? "⌘" : "Ctrl",
  shift: "Shift",
  alt: IS_MAC ? "⌥" : "Alt",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  " ": "Space",
  Delete: "Del",
  Escape: "Esc",
}

/** A shortcut as keys: "ctrl+k", "g e". */
export function Keys({ keys }: { keys: string }) {
  const strokes = keys === " " ? [keys] : keys.split(" ")
  const text = strokes.map((stroke) => {
    const parts = stroke.length > 1 ? stroke.split(/\+(?!$)/) : [stroke]
    return parts.map((part) => SHOWN[part] ?? (part.length === 1 ? part : part)).join(" ")
  })
  return <kbd>{text.join(" then ")}</kbd>
}
