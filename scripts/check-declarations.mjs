// A host that checks the declarations of its packages (skipLibCheck: false) compiles every entry point: nothing in them is broken, or names a package whose
// own declarations are, as those of TensorFlow.js. Runs against dist.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt, root, run } from './setup.mjs'

ensureBuilt()
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.keys(exports).filter((name) => name !== './package.json')
const host = mkdtempSync(join(tmpdir(), 'millrace-host-'))
try {
  mkdirSync(join(host, 'node_modules'))
  symlinkSync(root, join(host, 'node_modules', 'millrace'), 'junction')
  writeFileSync(join(host, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(host, 'host.ts'), entries.map((name, index) => `export * as entry${index} from 'millrace${name.slice(1)}'\n`).join(''))
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
  }
  writeFileSync(join(host, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['host.ts'] }))
  if (run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--project', host])) {
    console.log(`${entries.length} entry points compile with skipLibCheck: false.`)
  } else process.exitCode = 1
} finally {
  rmSync(host, { recursive: true, force: true })
}
