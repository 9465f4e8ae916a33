import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BooleanColumn, Dataset } from 'millrace/data'
import { columnOf } from 'millrace/data'

export interface PartFigures {
  readonly name: string
  readonly rows: number
  readonly positiveShare: number
}

/** How many flights each part has, and how many of them are late: the prior moves from month to month. */
export async function describeParts(parts: Readonly<Record<string, Dataset<{ late: boolean }>>>): Promise<readonly PartFigures[]> {
  return Promise.all(
    Object.entries(parts).map(async ([name, part]) => {
      let late = 0
      for await (const batch of part.batches({ columns: ['late'] }))
        for (const value of (columnOf(batch, 'late') as BooleanColumn).values) late += value
      return { name, rows: part.rowCount, positiveShare: late / part.rowCount }
    }),
  )
}

/** Megabytes of all files below a folder. */
export async function sizeOf(folder: string): Promise<number> {
  let sizeBytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sizeBytes += (await stat(join(entry.parentPath ?? entry.path, entry.name))).size
  }
  return Math.round(sizeBytes / 1e6)
}
