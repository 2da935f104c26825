import hooks from "eslint-plugin-react-hooks"
import typescript from "typescript-eslint"

/** `pages → components → charts, ui → lib`; never back. */
const floors = [
  ["src/lib/**", ["**/pages/**", "**/components/**", "**/charts/**", "**/ui/**", "**/api/**"]],
  ["src/api/**", ["**/pages/**", "**/components/**", "**/charts/**", "**/ui/**"]],
  ["src/ui/**", ["**/pages/**", "**/components/**", "**/charts/**", "**/api/**"]],
  ["src/charts/**", ["**/pages/**", "**/components/**"]],
  ["src/components/**", ["**/pages/**"]],
]

export default typescript.config(
  { ignores: ["dist/", "node_modules/", "src/api/generated.ts"] },
  ...typescript.configs.strict,
  ...typescript.configs.stylistic,
  hooks.configs.flat["recommended-latest"],
  {
    rules: {
      eqeqeq: ["error", "always"],
      "no-console": "error",
      "no-eval": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Text is text; markup goes through lib/markup." },
      ],
      "@typescript-eslint/consistent-type-definitions": ["error", "interface"],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", ignoreRestSiblings: true },
      ],
      // Virtual lists hand out functions that no compiler may keep; we do not use one.
      "react-hooks/incompatible-library": "off",
    },
  },
  ...floors.map(([files, patterns]) => ({
    files: [files],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: patterns.map((group) => ({ group: [group], message: "A floor above." })) },
      ],
    },
  })),
)
