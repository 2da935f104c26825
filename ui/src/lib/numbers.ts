/** A number as the wire has it: those that JSON cannot write are strings. */
export function real(from: number | string | null | undefined): number {
  if (typeof from === "number") return from
  if (from === null || from === undefined) return Number.NaN
  return Number(from)
}
