// A flow with a stage of one's own in the middle: what it adds is there at the end, and the built-in stages after it work as before.
// To see it: npm run build && npx tsx --tsconfig examples/tsconfig.json examples/custom-stage/main.ts [folder]
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { Pipeline } from 'millrace'
import { ingest, rows } from 'millrace/ingest'
import { split } from 'millrace/prepare'
import { FileStorage } from 'millrace/storage/file'
import { z } from 'zod'
import { rowsByMonth } from './rows-by-month.ts'

interface Flight {
  readonly date: string
  readonly delay: number
  readonly origin: string
}

const file = createRequire(import.meta.url)
  .resolve('vega-datasets')
  .replace(/build.*$/, 'data/flights-20k.json')
const flights = (JSON.parse(await readFile(file, 'utf8')) as Flight[]).map(({ date, delay, origin }) => ({
  date: new Date(`${date} UTC`),
  delay,
  origin,
}))
const schema = z.object({ date: z.date(), delay: z.int(), origin: z.string() })

const pipeline = new Pipeline('by-month')
  .pipe(ingest({ source: rows(flights), schema }))
  .pipe(rowsByMonth())
  .pipe(split({ by: 'date', test: 0.2 }))

const storage = await FileStorage.open(process.argv[2] ?? '.millrace/custom-stage')
for (const attempt of ['first', 'second']) {
  const { output, record } = await pipeline.run({ storage })
  console.log(`${attempt} run: ${record.stages.map((stage) => `${stage.name} ${stage.outcome}`).join(', ')}`)
  console.log(`rows by month: ${output.months.join(' ')}; train ${output.train.rowCount}, test ${output.test.rowCount}`)
}
