import type { Clock } from '../../core/clock.ts'
import { codeOf } from './file-faults.ts'

const attempts = 10

/** Windows refuses to rename over a file that somebody has open, for as long as that lasts. */
export async function retryRename(work: () => Promise<void>, clock: Clock): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (process.platform !== 'win32' || attempt === attempts || !['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error))) throw error
      await clock.sleep(attempt * 10)
    }
  }
}
