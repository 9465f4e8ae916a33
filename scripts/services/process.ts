// Servers for tests: started on loopback and on free ports, stopped by their own process ids.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RunningProcess {
  readonly pid: number
  /** What it printed, the last of it. */
  readonly output: () => string
  /** Asks it to end, waits for that, and ends it by force where it does not. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>
}

export interface ProcessOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** For programs that refuse to be run by root. */
  readonly uid?: number
  readonly gid?: number
  /** It starts processes of its own: they are ended with it. */
  readonly group?: boolean
  readonly isReady: () => Promise<boolean>
  readonly readyWithinMs?: number
  readonly stopSignal?: NodeJS.Signals
}

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** An empty folder. */
export function temporaryFolder(name: string): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `millrace-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Starts a server and waits until it is ready. @throws with what it printed, where it does not become so. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { name, command, args, env = {}, isReady, readyWithinMs = 60_000, stopSignal = 'SIGTERM', cwd, uid, gid, group = false } = options
  const identity = { ...(cwd === undefined ? {} : { cwd }), ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) }
  // Windows has no groups of processes: there the server ends its own.
  const isGroup = group && process.platform !== 'win32'
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: isGroup, ...identity })
  const said: string[] = []
  const hear = (chunk: unknown): void => {
    said.push(String(chunk))
    if (said.length > 200) said.shift()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  let failure: Error | undefined
  child.on('error', (error) => {
    failure = error
  })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const kill = (): void => {
    child.kill('SIGKILL')
    if (isGroup && child.pid !== undefined) killGroup(child.pid)
  }
  // A test run that is ended takes its servers with it.
  process.once('exit', kill)
  const isOver = (): boolean => failure !== undefined || child.exitCode !== null || child.signalCode !== null
  const stop = async (signal: NodeJS.Signals = stopSignal): Promise<void> => {
    process.removeListener('exit', kill)
    if (!isOver()) {
      child.kill(signal)
      const inTime = await Promise.race([ended.then(() => true), sleep(10_000, false, { ref: false })])
      if (!inTime) {
        kill()
        await ended
      }
    }
    if (isGroup && child.pid !== undefined) killGroup(child.pid)
  }
  const deadline = performance.now() + readyWithinMs
  while (!(await isReady().catch(() => false))) {
    if (isOver() || performance.now() > deadline) {
      await stop('SIGKILL')
      throw new Error(`${name} did not start: ${failure?.message ?? ''} ${said.join('').slice(-2000)}`)
    }
    await sleep(50)
  }
  return { pid: child.pid as number, stop, output: () => said.join('') }
}

/** What is left of a group whose first process has that id. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing is left.
  }
}

/** True when the address answers with the status. */
export async function answers(url: string, status = 200): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  await response.arrayBuffer()
  return response.status === status
}
