import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Done } from './job.ts'

/** A program and its arguments. */
export type Command = readonly [string, ...string[]]

/** Writers that begin at the same moment, each a process of its own; operations a second of all of them together. */
export async function raceWriters(commands: readonly Command[]): Promise<number> {
  const writers = commands.map(startWriter)
  try {
    for (const { lines } of writers) await expectLine(lines, 'ready')
    for (const { child } of writers) child.stdin?.write('go\n')
    const done = await Promise.all(writers.map(async ({ lines }) => JSON.parse(await nextLine(lines)) as Done))
    return done.reduce((sum, { operations, elapsedMs }) => sum + (operations / elapsedMs) * 1_000, 0)
  } finally {
    for (const { child } of writers) child.kill()
  }
}

/** Runs a program to its end. */
export async function runToEnd(command: Command): Promise<void> {
  const { child } = startWriter(command)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`Expected "${command[0]}" to end well. Received code ${code}.`)
}

interface Writer {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>
}

function startWriter([program, ...args]: Command): Writer {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next()
  if (done === true) throw new Error('Expected a line of a writer. Received its end.')
  return String(value)
}

async function expectLine(lines: AsyncIterator<string>, expected: string): Promise<void> {
  const line = await nextLine(lines)
  if (line !== expected) throw new Error(`Expected a writer to say "${expected}". Received "${line}".`)
}
