// One of several processes that register at the same time: `register-worker.ts <root> <name> <count>`. Writes a line for each version acknowledged.
import { Registry } from '../../../src/registry/registry.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { packageNamed } from './registry-fixtures.ts'

const [root = '', name = '', count = '0'] = process.argv.slice(2)
const registry = new Registry({ storage: await FileStorage.open(root) })
for (let index = 0; index < Number(count); index++) {
  const { version } = await registry.register('churn', packageNamed(`${name}-${index}`), { idempotencyKey: `${name}-${index}` })
  process.stdout.write(`${version}\n`)
  await registry.setAlias('churn', 'champion', version)
}
