import { MillraceError, messageOf } from '../../core/error.ts'
import { nearestName } from '../../core/suggest.ts'
import type { S3CheckOptions, S3CheckReport } from './check.ts'
import { checkS3 } from './check.ts'
import type { S3Credentials } from './credentials.ts'
import type { S3ConnectionOptions } from './options.ts'

/** What the command is given by the program around it. */
export interface CommandHost {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly print: (line: string) => void
  readonly signal?: AbortSignal
  /** Default: the platform's. */
  readonly fetch?: S3ConnectionOptions['fetch']
}

/** npx installs what a package needs, and not what it can do without. */
const withDependency = 'npx -p millrace -p aws4fetch millrace check-s3'

export const checkS3Usage: string = `Usage: npx millrace check-s3 --endpoint URL --bucket NAME [options]
Outside of a project that has aws4fetch: ${withDependency} ...

Finds out whether an S3-compatible server can be trusted with a registry: probes the conditional headers one after the other, then lets
writers race for the same keys. It writes below .millrace-probe/ in the bucket and deletes it again.

  --endpoint URL     such as https://s3.eu-central-1.amazonaws.com or http://127.0.0.1:9000
  --bucket NAME      a bucket that is there
  --region NAME      what requests are signed for (us-east-1)
  --prefix PATH      write below it
  --path-style       endpoint/bucket/key (the default)
  --virtual-host     bucket.endpoint/key
  --keys N           how many keys are raced for (200)
  --writers N        how many writers race for each (8)

Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
Exit code 0: it passed. 1: it did not, or could not be checked. 2: the command is not understood.`

const valued = ['endpoint', 'bucket', 'region', 'prefix', 'keys', 'writers'] as const
const switches = ['path-style', 'virtual-host', 'help'] as const

/** Runs the check and prints what was found. Answers the exit code. */
export async function checkS3Command(args: readonly string[], host: CommandHost): Promise<number> {
  let options: S3CheckOptions
  try {
    const given = parse(args)
    if (given.has('help')) {
      host.print(checkS3Usage)
      return 0
    }
    options = optionsOf(given, host)
  } catch (error) {
    host.print(`${messageOf(error)}\n\n${checkS3Usage}`)
    return 2
  }
  try {
    const report = await checkS3(options)
    for (const line of linesOf(report)) host.print(line)
    return report.passed ? 0 : 1
  } catch (error) {
    const code = MillraceError.is(error) ? `${error.code}: ` : ''
    host.print(`Not checked. ${code}${messageOf(error)}`)
    if (MillraceError.is(error, 'DEPENDENCY_MISSING'))
      host.print(`Without a project to install it in, npx fetches both: ${withDependency} --endpoint URL --bucket NAME`)
    return 1
  }
}

function parse(args: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>()
  for (let index = 0; index < args.length; index++) {
    const [, name = '', inline] = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(args[index] as string) ?? []
    if ((switches as readonly string[]).includes(name) && inline === undefined) given.set(name, '')
    else if ((valued as readonly string[]).includes(name)) {
      const value = inline ?? args[++index]
      if (value === undefined || value.startsWith('--')) throw new Error(`Expected a value behind --${name}. Received none.`)
      given.set(name, value)
    } else {
      const near = name === '' ? undefined : nearestName(name, [...valued, ...switches])
      // Without its value, which may be a secret.
      throw new Error(
        `Expected an option. Received "${name === '' ? args[index] : `--${name}`}".${near === undefined ? '' : ` Did you mean --${near}?`}`,
      )
    }
  }
  return given
}

function optionsOf(given: ReadonlyMap<string, string>, { env, signal, fetch, print }: CommandHost): S3CheckOptions {
  const [endpoint, bucket] = [given.get('endpoint'), given.get('bucket')]
  if (endpoint === undefined || bucket === undefined) throw new Error('Expected --endpoint and --bucket. Received less.')
  if (given.has('path-style') && given.has('virtual-host')) throw new Error('Expected --path-style or --virtual-host. Received both.')
  const [region, prefix] = [given.get('region'), given.get('prefix')]
  const [keys, writers] = [countOf(given, 'keys'), countOf(given, 'writers')]
  return {
    endpoint,
    bucket,
    credentials: credentialsOf(env),
    addressing: given.has('virtual-host') ? 'virtual-host' : 'path',
    ...(region === undefined ? {} : { region }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(keys === undefined ? {} : { keys }),
    ...(writers === undefined ? {} : { writers }),
    ...(signal === undefined ? {} : { signal }),
    ...(fetch === undefined ? {} : { fetch }),
    onProgress: (done, total) => {
      if (done % 50 === 0 && done < total) print(`  ${done} of ${total} keys ...`)
    },
  }
}

function countOf(given: ReadonlyMap<string, string>, name: 'keys' | 'writers'): number | undefined {
  const text = given.get(name)
  if (text !== undefined && !/^\d{1,6}$/.test(text)) throw new Error(`Expected a whole number behind --${name}. Received "${text}".`)
  return text === undefined ? undefined : Number(text)
}

function credentialsOf(env: CommandHost['env']): S3Credentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env
  if (!accessKeyId || !secretAccessKey)
    throw new Error('Expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment. Received less.')
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
}

function linesOf({ passed, ifNoneMatch, ifMatch, listOrder, race, problems }: S3CheckReport): readonly string[] {
  const lines = [
    `If-None-Match: *   ${ifNoneMatch ? 'a second create is refused' : 'IGNORED: a second create succeeds'}`,
    `If-Match           ${ifMatch ? 'a replacement of another version is refused' : 'ignored (nothing here needs it; be wary of this server)'}`,
    `listings           sorted by ${listOrder}`,
  ]
  if (race === undefined) lines.push('race               not run')
  else {
    const { keys, writers, createdTwice, createdByNone, heldOther, unanswered } = race
    lines.push(
      `race               ${keys} keys x ${writers} writers: ${createdTwice} created more than once, ${createdByNone} by nobody, ${heldOther} not as acknowledged, ${unanswered} writers without an answer`,
    )
  }
  lines.push(passed ? 'PASSED: fit for a registry, so far as this race shows.' : `FAILED: not fit for a registry. ${problems.join(' ')}`)
  return lines
}
