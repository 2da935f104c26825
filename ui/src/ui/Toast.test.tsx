import { act, cleanup, fireEvent, render, screen } from "@testing-library/react"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { toast, ToastHost } from "./Toast"
import { TooltipProvider } from "./Tooltip"

const pass = (ms: number) => act(() => vi.advanceTimersByTime(ms))

beforeEach(() => {
  vi.useFakeTimers()
  render(
    <TooltipProvider>
      <ToastHost />
    </TooltipProvider>,
  )
})
afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

test("what can be undone stays for long, and goes by itself in the end", () => {
  act(() => {
    toast.done("Told")
    toast.done("Deleted", () => undefined)
  })
  pass(20_000)
  expect(screen.queryByText("Told")).toBeNull()
  expect(screen.getByRole("button", { name: "Undo" })).toBeDefined()

  pass(20_000)
  expect(screen.queryByText("Deleted")).toBeNull()
})

test("nothing goes away from under the pointer", () => {
  act(() => toast.done("Held"))
  const card = screen.getByRole("status")
  fireEvent.pointerEnter(card)
  pass(60_000)
  expect(screen.getByText("Held")).toBeDefined()

  fireEvent.pointerLeave(card)
  pass(10_000)
  expect(screen.queryByText("Held")).toBeNull()
})

test("an error stays until it is dismissed", () => {
  act(() => toast.failed("It is as it was", new Error("no room")))
  pass(600_000)
  fireEvent.click(screen.getByRole("button", { name: "Dismiss" }))
  expect(screen.queryByRole("alert")).toBeNull()
})
