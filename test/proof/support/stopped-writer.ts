// A writer that stops between writing its temporary and naming it: `stopped-writer.ts <root> <key>`. It tells the temporary's path, and goes on when told to.
import { once } from 'node:events'
import { relative } from 'node:path'
import { nodeFileSystem } from '../../../src/storage/file/node-file-system.ts'
import { FileStorage } from '../../../src/storage/file.ts'

const [root = '', key = ''] = process.argv.slice(2)
const storage = await FileStorage.open(root, {
  files: {
    ...nodeFileSystem,
    link: async (from, to) => {
      process.stdout.write(`${relative(root, from)}\n`)
      await once(process.stdin, 'data')
      await nodeFileSystem.link(from, to)
    },
  },
})
await storage.putIfAbsent(key, new TextEncoder().encode(`value of ${key}`))
process.stdout.write('acknowledged\n')
process.stdin.destroy()
