import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import react from "@vitejs/plugin-react"
import type { Plugin } from "vite"
import { defineConfig } from "vitest/config"

/** Puts `.br` and `.gz` beside what is worth it, so that the server never compresses. */
function compressed(): Plugin {
  const worth = /\.(js|css|svg|html|json)$/
  const brotli = promisify(brotliCompress)
  const zip = promisify(gzip)
  return {
    name: "compressed",
    apply: "build",
    async writeBundle(options, bundle) {
      const names = Object.keys(bundle).filter((name) => worth.test(name) && name !== "index.html")
      await Promise.all(
        names.map(async (name) => {
          const path = join(options.dir ?? "", name)
          const text = await readFile(path)
          if (text.length < 1024) return
          const params = {
            [constants.BROTLI_PARAM_QUALITY]: 11,
            [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
          }
          await writeFile(`${path}.br`, await brotli(text, { params }))
          await writeFile(`${path}.gz`, await zip(text, { level: 9 }))
        }),
      )
    },
  }
}

export default defineConfig({
  plugins: [react(), compressed()],
  // Relative, so that one build works below any prefix; the server makes those of the page absolute.
  base: "./",
  build: {
    outDir: "../src/millrace/server/ui",
    emptyOutDir: true,
    target: "es2024",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    // Emptied otherwise, also where a test asks for its text.
    css: { include: [/tokens\.css/] },
  },
})
