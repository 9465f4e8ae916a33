import { parseArgs } from 'node:util'

export interface Arguments {
  /** Passes over the training part, at most. */
  readonly epochs: number
  /** Where everything is kept: datasets, cache, runs, registry, prediction log, report. */
  readonly storage: string
}

const usage = `Usage: npm run quickstart -- [--epochs N] [--storage FOLDER]
  --epochs N        at most so many passes over the training part (default 6)
  --storage FOLDER  where everything is kept (default .millrace)`

/** Ends the process with the usage where the arguments do not fit. */
export function readArguments(args: readonly string[]): Arguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        epochs: { type: 'string', default: '6' },
        storage: { type: 'string', default: '.millrace' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(`${usage}\n`)
      process.exit(0)
    }
    const epochs = Number(values.epochs)
    if (!Number.isInteger(epochs) || epochs < 1) throw new Error(`Expected --epochs to be 1, 2, 3 ... Received "${values.epochs}".`)
    if (values.storage === '') throw new Error('Expected --storage to name a folder. Received nothing.')
    return { epochs, storage: values.storage }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
    process.exit(2)
  }
}
