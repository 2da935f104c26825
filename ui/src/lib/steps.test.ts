import { expect, test } from "vitest"
import { stepAt } from "./steps"

test("the step that was there last is shown", () => {
  const steps = [-1, 0, 10, 10, 20]
  expect([-5, -1, 9, 10, 15, 99].map((step) => stepAt(steps, step))).toEqual([0, 0, 1, 3, 3, 4])
  expect(stepAt([], 3)).toBe(0)
})
