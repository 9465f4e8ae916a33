// One process of the race in file-race.test.ts: says that it is ready, is told when the race starts, tries to create every key at that key's moment (so that all
// processes meet at each of them), tells which it won.
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { MillraceError } from '../../src/core/error.ts'
import { FileStorage } from '../../src/storage/file.ts'

const spacingMs = 15

async function race(root: string, name: string, keys: number): Promise<void> {
  const storage = await FileStorage.open(root)
  process.stdout.write('ready\n')
  const [start] = (await once(process.stdin, 'data')) as [Buffer]
  const won: number[] = []
  const other: string[] = []
  for (let key = 0; key < keys; key++) {
    const value = `${name} `.repeat(500)
    await setTimeout(Number(start) + key * spacingMs - Date.now())
    try {
      await storage.putIfAbsent(`race/${key % 7}/${key}`, new TextEncoder().encode(value))
      won.push(key)
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_CONFLICT')) other.push(String(error))
      const read = await storage.get(`race/${key % 7}/${key}`)
      const first = new TextDecoder().decode(read?.bytes).split(' ')[0]
      if (read?.bytes.length !== value.length || first === name) other.push(`a loser read ${read?.bytes.length} bytes of ${first}`)
    }
  }
  process.stdout.write(`${JSON.stringify({ won, other })}\n`)
  process.stdin.destroy()
}

const [root, name, keys] = process.argv.slice(2)
void race(root as string, name as string, Number(keys))
