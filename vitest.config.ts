import { fileURLToPath } from 'node:url'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'

const source = fileURLToPath(new URL('./src/', import.meta.url))
/** Tests import `millrace/...` as users do; here that is the source. */
const alias = [
  { find: /^millrace$/, replacement: `${source}index.ts` },
  {
    find: /^millrace\/(storage\/file|storage\/indexeddb|storage\/s3|ingest\/csv|ingest\/parquet|registry\/git|registry\/mlflow)$/,
    replacement: `${source}$1.ts`,
  },
  { find: /^millrace\/(.+)$/, replacement: `${source}$1/index.ts` },
]

/** All that src imports, known before the first page is loaded: what Vite finds later makes it load the page again, in the middle of a test. */
const browserDependencies = [
  '@noble/hashes/sha2.js',
  '@noble/hashes/utils.js',
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-backend-wasm',
  ...['data', 'enum', 'ipc/reader', 'ipc/writer', 'recordbatch', 'schema', 'table', 'type', 'vector'].map((file) => `apache-arrow/${file}`),
  'eventemitter3',
  'fast-check',
  'idb-keyval',
]

const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: { name: 'node', include: ['test/{unit,conformance,docs}/**/*.test.ts'], testTimeout: 30_000 },
      },
      {
        // Processes that are killed, faults one by one, histories that are checked: each test names its row of the fault matrix.
        resolve: { alias },
        test: { name: 'proof', include: ['test/proof/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 120_000 },
      },
      {
        // Against real servers that scripts/services starts: one file after the other, since they share the servers and two processors.
        resolve: { alias },
        test: {
          name: 'services',
          include: ['test/services/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        resolve: { alias },
        optimizeDeps: { include: browserDependencies },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 120_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
                args: [
                  '--no-sandbox',
                  '--enable-unsafe-swiftshader',
                  '--disable-background-networking',
                  '--disable-component-update',
                  '--disable-sync',
                ],
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        // What is tested here is the built package and the examples as a user runs them.
        test: {
          name: 'examples',
          include: ['test/examples/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})

export default config
