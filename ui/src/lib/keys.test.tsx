import { cleanup, createEvent, fireEvent, render } from "@testing-library/react"
import { useLayoutEffect } from "react"
import { afterEach, expect, test, vi } from "vitest"
import { listen, useShortcuts } from "./keys"

function Page({ run }: { run: () => void }) {
  useShortcuts([{ keys: "g e", label: "Experiments", group: "Go to", run }])
  useLayoutEffect(listen, [])
  return null
}

function press(key: string) {
  const event = createEvent.keyDown(document.body, { key })
  // As browsers have it: since the page began.
  Object.defineProperty(event, "timeStamp", { value: performance.now() })
  fireEvent(document.body, event)
}

afterEach(cleanup)

test("two keys one after the other are one shortcut, others are none", () => {
  const run = vi.fn()
  render(<Page run={run} />)
  press("e")
  press("g")
  press("x")
  press("e")
  expect(run).not.toHaveBeenCalled()

  press("g")
  press("e")
  expect(run).toHaveBeenCalledOnce()
})

test("keys are heard as soon as the page is drawn, and not when it is gone", () => {
  const run = vi.fn()
  function Whole() {
    // Runs after the layout effects of what is within, before anything that comes later.
    useLayoutEffect(() => {
      press("g")
      press("e")
    }, [])
    return <Page run={run} />
  }
  const { unmount } = render(<Whole />)
  expect(run).toHaveBeenCalledOnce()

  unmount()
  press("g")
  press("e")
  expect(run).toHaveBeenCalledOnce()
})
