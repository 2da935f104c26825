let tallest = 0

/** How many rows of *height* pixels an element can hold: browsers end at some height, each at its own. */
export function mostRows(height: number): number {
  if (tallest === 0) {
    const one = document.createElement("div")
    one.style.cssText = "position: absolute; visibility: hidden; height: 1000000000px"
    document.body.append(one)
    tallest = one.offsetHeight || 10_000_000
    one.remove()
  }
  return Math.floor(tallest / height / 1_000) * 1_000 - 1_000
}
