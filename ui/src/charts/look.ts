/** Whether text on a colour such as `rgb(21, 27, 26)` has to be light. */
export function isDarkColour(text: string): boolean {
  const [red = 255, green = 255, blue = 255] = (text.match(/[\d.]+/g) ?? []).map(Number)
  return red * 0.299 + green * 0.587 + blue * 0.114 < 128
}
