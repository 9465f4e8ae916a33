import { appendFile, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Pipeline } from '../../../src/pipeline/pipeline.ts'
import { Stage } from '../../../src/pipeline/stage.ts'
import type { StageContext } from '../../../src/pipeline/stage-definition.ts'

export interface ProofPipelineOptions {
  /** A folder of files that hold numbers, one a line. */
  readonly files: string
  /** The world outside: each effect appends its name and its idempotency key to it. */
  readonly world: string
  /** Another version of one stage. */
  readonly changed?: boolean
  /** Called in the effect at the end, before and after it has changed the world. */
  readonly atPublish?: (side: 'before' | 'after') => Promise<void>
}

/** Files, a map with an effect in it, branches, a condition, random numbers, and an effect at the end. */
export function proofPipeline(options: ProofPipelineOptions): Pipeline<void, { readonly text: string; readonly published: number }> {
  const { files, world, changed = false, atPublish = async () => {} } = options
  const change = (name: string, key: string): Promise<void> => appendFile(world, `${name} ${key}\n`)
  const sizeOf = async (file: string): Promise<string> => String((await stat(join(files, file))).size)
  const list = new Stage<void, readonly string[]>({
    name: 'list',
    version: '1',
    fingerprint: async () => (await readdir(files)).sort().join(),
    run: async () => (await readdir(files)).sort(),
  })
  const read = new Stage<string, { readonly file: string; readonly numbers: Float64Array }>({
    name: 'read',
    version: '1',
    fingerprint: sizeOf,
    run: async (file) => ({ file, numbers: Float64Array.from((await readFile(join(files, file), 'utf8')).trim().split('\n'), Number) }),
  })
  const send = new Stage<{ readonly file: string; readonly numbers: Float64Array }, Float64Array>({
    name: 'send',
    version: '1',
    effect: true,
    run: async ({ file, numbers }, { idempotencyKey }) => {
      await change(`send-${file}`, idempotencyKey)
      return numbers
    },
  })
  const draw = new Stage<Float64Array, Float64Array>({
    name: 'draw',
    version: '1',
    run: (numbers, { random, metrics }) => {
      metrics({ first: numbers[0] ?? Number.NaN }, 1)
      return numbers.map((each) => each + random.int(1000))
    },
  })
  const total = (values: readonly Float64Array[], join: (left: number, right: number) => number): number =>
    values.flatMap((numbers) => [...numbers]).reduce(join)
  const publish = new Stage<{ readonly sum: number; readonly largest: number }, { readonly text: string; readonly published: number }>({
    name: 'publish',
    version: '1',
    effect: true,
    run: async ({ sum, largest }, { idempotencyKey, artifact }: StageContext) => {
      await atPublish('before')
      await change('publish', idempotencyKey)
      artifact({ kind: 'report', name: 'total', reference: String(sum) })
      await atPublish('after')
      return { text: `${sum} and ${largest}`, published: 1 }
    },
  })
  return new Pipeline('proof')
    .pipe(list)
    .map(new Pipeline<string>('each').pipe(read).pipe(send).pipe(draw), { concurrency: 2 })
    .branch({
      sum: new Stage({
        name: 'sum',
        version: changed ? '2' : '1',
        run: (values: readonly Float64Array[]) => total(values, (left, right) => left + right),
      }),
      largest: new Stage({ name: 'largest', version: '1', run: (values: readonly Float64Array[]) => total(values, Math.max) }),
    })
    .when(
      ({ sum }) => sum > 0,
      new Stage({
        name: 'round',
        version: '1',
        run: ({ sum, largest }: { readonly sum: number; readonly largest: number }) => ({ sum: Math.round(sum), largest }),
      }),
    )
    .pipe(publish)
}
