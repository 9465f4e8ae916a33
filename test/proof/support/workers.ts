import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Worker {
  readonly name: string
  readonly pid: number
  /** All that it wrote so far, a line each; what a killed process had not finished is left out. */
  readonly lines: readonly string[]
  /** Resolves when the line has come. @throws when the process ends without it. */
  waitFor(line: string | ((line: string) => boolean)): Promise<string>
  /** Writes a line to it. */
  tell(line: string): void
  signal(signal: NodeJS.Signals): void
  /** Resolves when it was ended by itself or by a signal of ours. @throws with what it wrote to its errors when it failed by itself. */
  readonly ended: Promise<void>
}

const running = new Set<Worker>()

/** After each test: ends what a failed one left behind, stopped ones too. */
export async function endWorkers(): Promise<void> {
  const left = [...running]
  for (const worker of left) worker.signal('SIGKILL')
  await Promise.allSettled(left.map(({ ended }) => ended))
}

/** Starts a TypeScript program of this folder as a process of its own, with one argument in JSON. */
export function startWorker(script: string, name: string, options: unknown): Worker {
  const path = fileURLToPath(new URL(`./${script}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', path, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let [errors, rest, isOver] = ['', '', false]
  const look = (): void => {
    for (const check of [...waiting]) check()
  }
  // A line counts once its end has come: readline would hand over what a killed process had begun, too.
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000)
  })
  // A process that was killed reads no more.
  child.stdin.on('error', () => {})
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      isOver = true
      look()
      if (code === 0 || signal === 'SIGKILL') resolve()
      else reject(new Error(`${name} ended with ${code ?? signal}: ${errors}`))
    })
  })
  const worker: Worker = {
    name,
    pid: child.pid as number,
    lines,
    ended,
    waitFor: (wanted) => {
      const matches = typeof wanted === 'string' ? (line: string) => line === wanted : wanted
      return new Promise((resolve, reject) => {
        const check = (): void => {
          const line = lines.find(matches)
          if (line === undefined && !isOver) return
          waiting.delete(check)
          if (line !== undefined) resolve(line)
          else reject(new Error(`${name} ended before it wrote what was waited for: ${errors}`))
        }
        waiting.add(check)
        check()
      })
    },
    tell: (line) => {
      child.stdin.write(`${line}\n`)
    },
    signal: (signal) => {
      child.kill(signal)
    },
  }
  running.add(worker)
  // Whoever starts workers awaits their ends together, maybe after one has failed.
  ended.catch(() => {}).finally(() => running.delete(worker))
  return worker
}

/** In a worker: writes a line, and has written it when it returns. */
export function say(line: unknown): void {
  process.stdout.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
}

/** In a worker: says that it is ready and waits for the word to start, so that processes start together however long each took to load. */
export async function waitForStart(): Promise<void> {
  const lines = createInterface({ input: process.stdin })
  say('ready')
  await new Promise<void>((resolve) => lines.once('line', () => resolve()))
  lines.close()
  process.stdin.destroy()
}

/** Starts all at once when all are ready. */
export async function release(workers: readonly Worker[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.waitFor('ready')))
  for (const worker of workers) worker.tell('start')
}

/** Resolves once the process is stopped (on Linux, by its state). */
export async function isStopped(pid: number): Promise<void> {
  for (;;) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) return
    await sleep(5)
  }
}

/** Nanoseconds of the clock that all processes of a machine share and nobody sets: CLOCK_MONOTONIC, by `process.hrtime` on Linux and macOS. */
export function sharedTime(): number {
  return Number(process.hrtime.bigint())
}
