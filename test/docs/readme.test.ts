// The code of the README compiles and runs as it stands there, and its tables name what there is.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Deployment } from 'millrace/deploy'
import type { PredictionLog } from 'millrace/log'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { typeFaults } from './support/check-types.ts'
import { sourceOfEntryPoint } from './support/entry-point-names.ts'
import { loadedPackages } from './support/loaded-packages.ts'
import { markdownProgram, printedBy } from './support/markdown-program.ts'
import { root } from './support/root.ts'
import { runCode } from './support/run-code.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const { code, prints } = markdownProgram(readme)

describe('the code of the README', () => {
  const home = process.cwd()
  let folder: string
  let printed: readonly string[]
  let made: {
    readonly server: Server
    readonly deployment: Deployment
    readonly log: PredictionLog
    readonly predictions: readonly number[]
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-readme-'))
    copyFileSync(join(root, 'node_modules', 'vega-datasets', 'data', 'flights-20k.json'), join(folder, 'flights.json'))
    process.chdir(folder)
    // Any free port: that is all that is changed.
    printed = await printedBy(async () => {
      made = (await runCode(code.replace('listen(8080,', 'listen(0,'))) as typeof made
    })
  }, 120_000)

  afterAll(async () => {
    process.chdir(home)
    rmSync(folder, { recursive: true })
  })

  test('compiles', () => {
    expect(typeFaults(new Map([['readme.ts', code]]))).toEqual(new Map())
  }, 60_000)

  test('prints what it says', () => {
    expect(prints.length).toBeGreaterThan(1)
    expect(printed).toEqual(prints)
    expect(made.predictions.every((one) => one > 0 && one < 1)).toBe(true)
  })

  test('answers over HTTP where the text says', async () => {
    const { port } = made.server.address() as AddressInfo
    for (const path of ['/healthz', '/readyz', '/metrics', '/v2/models/flight-delay']) {
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status, path).toBe(200)
    }
    const inputs = [
      { name: 'date', shape: [1], datatype: 'BYTES', data: ['2001-04-01T18:30:00Z'] },
      { name: 'distance', shape: [1], datatype: 'FP64', data: [733] },
      { name: 'origin', shape: [1], datatype: 'BYTES', data: ['LGA'] },
      { name: 'destination', shape: [1], datatype: 'BYTES', data: ['ORD'] },
    ]
    const response = await fetch(`http://127.0.0.1:${port}/v2/models/flight-delay/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs }),
    })
    expect(await response.json()).toMatchObject({
      model_name: 'flight-delay',
      model_version: '1',
      outputs: [{ data: [expect.any(Number)] }],
    })
  })

  // The last test: nothing answers after it.
  test('closes all that it opened when the process is told to end', async () => {
    const close = process.listeners('SIGTERM').at(-1) as () => void
    process.removeListener('SIGTERM', close)
    const closeLog = vi.spyOn(made.log, 'close')
    close()
    await vi.waitFor(() => expect(closeLog).toHaveBeenCalledOnce(), { timeout: 10_000 })
    await closeLog.mock.results[0]?.value
    expect(made.server.listening).toBe(false)
    await expect(made.deployment.predict([])).rejects.toMatchObject({ code: 'DEPLOYMENT_CLOSED' })
  })
})

const entryPointRows = [...readme.matchAll(/^\| `(millrace[^`]*)` +\|.*\|([^|]*)\|$/gm)].map(([, specifier = '', needs = '']) => ({
  specifier,
  needs: needs.split(',').flatMap((name) => name.trim() || []),
}))
/** The schema is the host's own object, and git a program. */
const notImported = ['zod', 'git']
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, unknown>>
}

describe('the README', () => {
  test('has every entry point in its table, and none that is not there', () => {
    expect(entryPointRows.map(({ specifier }) => specifier).sort()).toEqual([...sourceOfEntryPoint.keys()].sort())
  })

  test.each(entryPointRows)('says which peers $specifier loads', ({ specifier, needs }) => {
    const peers = Object.keys(manifest.peerDependencies).filter((name) => loadedPackages(specifier).has(name))
    expect(needs.filter((name) => !notImported.includes(name))).toEqual(peers)
  })

  test('says of a package that it is optional where npm does not install it', () => {
    const optional = Object.keys(manifest.peerDependenciesMeta)
    for (const name of optional) expect(readme).toMatch(new RegExp(`npm install [^\n]*\\b${name}\\b`))
  })
})
