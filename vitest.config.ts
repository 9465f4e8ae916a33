import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = fileURLToPath(new URL('./src/', import.meta.url))
/** Tests and examples import `millrace/...` as users do; here that is the source. */
const alias = [
  { find: /^millrace$/, replacement: `${source}index.ts` },
  { find: /^millrace\/(storage\/file|storage\/indexeddb|ingest\/parquet|registry\/git)$/, replacement: `${source}$1.ts` },
  { find: /^millrace\/(.+)$/, replacement: `${source}$1/index.ts` },
]

const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: { name: 'node', include: ['test/{unit,conformance,property,docs}/**/*.test.ts'], testTimeout: 20_000 },
      },
    ],
  },
})

export default config
