/** What the server says of itself in the page that it sends: see `server/page.py`. */
interface Page {
  /** The static prefix, "" or "/something". */
  base: string
  version: string
  /** What lets a style element of ours pass the content policy. */
  nonce: string
}

function read(): Page {
  const told = document.querySelector<HTMLMetaElement>("meta[name=millrace]")?.content
  try {
    return JSON.parse(told ?? "") as Page
  } catch {
    return { base: "", version: "dev", nonce: "" }
  }
}

export const page = read()

/** The address that clients use as their tracking URI. */
export function serverAddress(): string {
  return `${location.origin}${page.base}`
}
