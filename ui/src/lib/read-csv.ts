/** Rows of a CSV text (RFC 4180): quotes, doubled quotes, line ends of both kinds. */
export function parseCsv(text: string, separator: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length) {
    let cell = ""
    if (text[at] === '"') {
      at++
      for (;;) {
        const end = text.indexOf('"', at)
        if (end < 0) {
          cell += text.slice(at)
          at = text.length
          break
        }
        cell += text.slice(at, end)
        at = end + 1
        if (text[at] !== '"') break
        cell += '"'
        at++
      }
    }
    let end = at
    while (end < text.length && text[end] !== separator && text[end] !== "\n" && text[end] !== "\r")
      end++
    row.push(cell + text.slice(at, end))
    at = end
    if (text[at] === separator) {
      at++
      if (at < text.length) continue
      row.push("")
    }
    if (text[at] === "\r") at++
    if (text[at] === "\n") at++
    rows.push(row)
    row = []
  }
  return rows
}
