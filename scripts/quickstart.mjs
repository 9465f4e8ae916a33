// npm run quickstart: installs what is missing, builds, and runs the whole flow. Arguments after `--` go to the example.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, root } from './setup.mjs'

ensureInstalled()
ensureBuilt()
const result = spawnSync(process.execPath, ['--import', 'tsx', join(root, 'examples', 'quickstart', 'main.ts'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'examples', 'tsconfig.json') },
})
process.exitCode = result.status ?? 1
