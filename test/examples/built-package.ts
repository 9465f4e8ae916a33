import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../../', import.meta.url))

/** Builds dist unless it is as new as the source: examples run against what is published. */
export function buildPackage(): void {
  execFileSync(process.execPath, ['-e', "import('./scripts/setup.mjs').then((setup) => setup.ensureBuilt())"], { cwd: root })
}

/** How an example of Node is run, as scripts/quickstart.mjs does: `millrace/...` is the package, not its source. */
export function exampleCommand(file: string): { readonly arguments: readonly string[]; readonly environment: NodeJS.ProcessEnv } {
  return {
    arguments: ['--import', 'tsx', join(root, file)],
    environment: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'examples', 'tsconfig.json') },
  }
}
