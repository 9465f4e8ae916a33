import { defineConfig } from 'tsdown'
import { entryPoints } from './scripts/entry-points.ts'

const config: ReturnType<typeof defineConfig> = defineConfig({
  // What is imported, and `npx millrace`.
  entry: Object.fromEntries([...Object.values(entryPoints), 'program'].map((path) => [path, `src/${path}.ts`])),
  format: 'esm',
  platform: 'neutral',
  target: 'es2023',
  // One file out for one file in: a bundler takes only what is imported, and a stack trace names the file that one knows.
  unbundle: true,
  dts: { oxc: true },
  sourcemap: true,
  outDir: 'dist',
  clean: true,
  fixedExtension: false,
})

export default config
