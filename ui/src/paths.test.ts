import { expect, it } from "vitest"
import { paths } from "./paths"

it("is the single author of addresses", () => {
  expect({
    run: paths.run("3", "abc"),
    file: paths.run("3", "abc", "artifacts", "a b/c.txt"),
    artifact: paths.artifact("3", "abc", "a b/c#.txt"),
    together: paths.experiments(["3", "4"]),
    compare: paths.compare(["a", "b"], { experiments: ["3"], base: "a" }),
    folder: paths.experimentTree("a/b"),
    version: paths.modelVersion("team/model", "3"),
    search: paths.search("a & b"),
  }).toMatchInlineSnapshot(`
    {
      "artifact": "/experiments/3/artifacts/abc/a%20b/c%23.txt",
      "compare": "/compare?runs=a,b&experiments=3&base=a",
      "file": "/experiments/3/runs/abc/artifacts?path=a%20b%2Fc.txt",
      "folder": "/experiments?folder=a%2Fb",
      "run": "/experiments/3/runs/abc/overview",
      "search": "/search?q=a%20%26%20b",
      "together": "/experiments/3,4",
      "version": "/models/team%2Fmodel/versions/3",
    }
  `)
})
