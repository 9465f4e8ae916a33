import { parseArgs } from 'node:util'

export interface Arguments {
  /** Passes over the training part, at most. */
  readonly epochs: number
  /** Where everything is kept: datasets, cache, runs, registry, prediction log, report. */
  readonly storage: string
}

/** `npm run quickstart -- --epochs 3 --storage /data/millrace` */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: { epochs: { type: 'string', default: '6' }, storage: { type: 'string', default: '.millrace' } },
  })
  const epochs = Number(values.epochs)
  if (!Number.isInteger(epochs) || epochs < 1) throw new Error(`Expected --epochs to be 1, 2, 3 ... Received "${values.epochs}".`)
  return { epochs, storage: values.storage }
}
