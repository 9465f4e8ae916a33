import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

const config: ReturnType<typeof defineConfig> = defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  // Only because this example lives inside the package itself; an application imports `millrace` from node_modules and needs none of this.
  resolve: {
    alias: [
      { find: /^millrace$/, replacement: `${dist}index.js` },
      { find: /^millrace\/storage\/indexeddb$/, replacement: `${dist}storage/indexeddb.js` },
      { find: /^millrace\/(.+)$/, replacement: `${dist}$1/index.js` },
    ],
  },
  build: {
    target: 'es2022',
    outDir: fileURLToPath(new URL('../../dist-example/', import.meta.url)),
    emptyOutDir: true,
    chunkSizeWarningLimit: 2500,
  },
})

export default config
