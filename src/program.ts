#!/usr/bin/env node
// `npx millrace ...`: thin, since all it can do is a function of the library too.
import { checkS3Command } from './storage/s3/check-command.ts'

const usage = `Usage: npx millrace check-s3 --endpoint URL --bucket NAME [options]

  check-s3    finds out whether an S3-compatible server can be trusted with a registry. It needs aws4fetch: outside of a project that has it,
              npx -p millrace -p aws4fetch millrace check-s3 ...
`

async function main([command, ...args]: readonly string[]): Promise<number> {
  const print = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  if (command === 'check-s3') {
    const stop = new AbortController()
    // So that it still tries to delete what it wrote, for a second; the next one ends it at once.
    process.once('SIGINT', () => stop.abort(new Error('interrupted')))
    return await checkS3Command(args, { env: process.env, print, signal: stop.signal })
  }
  print(usage)
  return command === undefined || command === '--help' || command === 'help' ? 0 : 2
}

process.exitCode = await main(process.argv.slice(2))
