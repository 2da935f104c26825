import { act, cleanup, fireEvent, render, screen } from "@testing-library/react"
import { afterEach, expect, test } from "vitest"
import { later, type Part } from "./later"
import { ErrorBoundary } from "./States"

interface Named {
  name: string
}
const there: Part<Named> = () => Promise.resolve({ default: ({ name }) => <p>{name} is there</p> })
const waiting = ({ name }: Named) => <p>{name} is on its way</p>

afterEach(cleanup)

test("what waits is shown until the part is there", async () => {
  const Shown = later(there, waiting)

  render(<Shown name="It" />)
  expect(screen.getByText("It is on its way")).toBeDefined()
  expect(await screen.findByText("It is there")).toBeDefined()
})

test("what was loaded ahead is shown at once", async () => {
  const Shown = later(there, waiting)
  await Shown.load()

  render(<Shown name="It" />)

  expect(screen.getByText("It is there")).toBeDefined()
})

test("what cannot be loaded is told, and asked for again", async () => {
  let tries = 0
  const second: Part<Named> = () =>
    tries++ === 0 ? Promise.reject(new Error("The line is cut.")) : there()
  const Shown = later(second, waiting)

  render(
    <ErrorBoundary>
      <Shown name="It" />
    </ErrorBoundary>,
  )
  expect(await screen.findByText("The line is cut.")).toBeDefined()
  fireEvent.click(screen.getByRole("button", { name: "Try again" }))

  expect(await screen.findByText("It is there")).toBeDefined()
})

test("a part that the server has no more is told", async () => {
  const Shown = later<Named>(() => Promise.resolve(undefined), waiting)
  await act(async () => Shown.load())

  render(<Shown name="It" />)

  expect(screen.getByText("This page has changed")).toBeDefined()
})
