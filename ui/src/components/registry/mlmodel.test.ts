import { expect, test } from "vitest"
import { gatesOf } from "./gates"
import { changesOf, readModel, requirement } from "./mlmodel"
import { isGuarded } from "./queries"

const MLMODEL = `artifact_path: model
flavors:
  python_function:
    env: conda.yaml
    loader_module: mlflow.sklearn
  sklearn:
    code: null
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}, {"type": "string",
    "name": "it''s", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
utc_time_created: '2026-01-01'
`

test("flavors and signature are read out of an MLmodel file", () => {
  const model = readModel(MLMODEL, "# pinned\nnumpy==2.1\n\nscikit-learn\n")

  expect(model.flavors).toEqual(["python_function", "sklearn"])
  expect(model.inputs).toEqual([
    { name: "age", type: "double", isRequired: true },
    { name: "it's", type: "string", isRequired: false },
  ])
  expect(model.outputs).toEqual([{ name: "#0", type: "tensor int64 (-1)", isRequired: true }])
  expect(model.requirements).toEqual(["numpy==2.1", "scikit-learn"])
})

test("a file without a signature states none", () => {
  expect(readModel("flavors:\n  sklearn: {}\n", "")).toMatchObject({ inputs: [], outputs: [] })
})

test("UI-124: what was added, removed and changed", () => {
  const before = ["numpy==1.26", "scipy"].map(requirement)
  const after = ["numpy==2.1", "torch>=2"].map(requirement)

  expect(changesOf(before, after)).toEqual([
    { name: "numpy", before: "==1.26", after: "==2.1" },
    { name: "torch", before: null, after: ">=2" },
    { name: "scipy", before: "any", after: null },
  ])
})

test("UI-123: gates are held against the frozen evidence", () => {
  const gates = gatesOf(
    {
      models: "risk",
      guards: [],
      gates: {
        metrics: [
          { metric: "acc", compare: ">=", value: 0.9 },
          { metric: "loss", compare: "<", than_current: true },
        ],
        tags: [{ key: "reviewed", value: "yes" }],
      },
    },
    {
      policy: "",
      version: "2",
      version_digest: "",
      current_version: "1",
      figures: { metrics: [{ key: "acc", value: "0.85" }, { key: "loss", value: "0.1" }] }, // prettier-ignore
      current_figures: { metrics: [{ key: "loss", value: "0.2" }] },
      tags: [{ key: "reviewed", value: "yes" }],
    },
  )

  expect(gates.map(({ has, holds }) => [has, holds])).toEqual([
    ["0.85", false],
    ["0.1", true],
    ["yes", true],
  ])
})

test("guards are stages, or patterns of aliases", () => {
  const guards = [{ stage: "Production" }, { alias: "champion*" }]

  expect(isGuarded(guards, { stage: "Production" })).toBe(true)
  expect(isGuarded(guards, { stage: "Staging" })).toBe(false)
  expect(isGuarded(guards, { alias: "champion-eu" })).toBe(true)
  expect(isGuarded(guards, { alias: "x.champion" })).toBe(false)
})
