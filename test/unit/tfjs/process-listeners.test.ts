// A file of its own: the listeners come when wasm starts for the first time in a process.
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { mlp, openBackend } from '../../../src/tfjs/index.ts'
import { withoutRethrowing } from '../../../src/tfjs/process-listeners.ts'
import { learnerContext, recordingLogger, sourceOf, trainingSetOf } from '../train/learning-fixtures.ts'

const hosts = (): void => undefined
const late = (): void => undefined
const listeners = () => ({ exceptions: process.rawListeners('uncaughtException'), rejections: process.rawListeners('unhandledRejection') })

beforeEach(() => {
  process.on('uncaughtException', hosts)
  process.on('unhandledRejection', hosts)
})
afterEach(() => {
  for (const listener of [hosts, late]) {
    process.removeListener('uncaughtException', listener)
    process.removeListener('unhandledRejection', listener)
  }
})

it('leaves the listeners of the process as they were when wasm has started and a network has been trained', async () => {
  expect(tf.engine().registry).not.toHaveProperty('wasm')
  const before = listeners()
  await (await openBackend('wasm', { logger: recordingLogger() })).release()
  expect(listeners()).toEqual(before)
  const data = trainingSetOf({ train: sourceOf([[0], [1]], [0, 1]), width: 1 })
  await mlp({ units: [2], epochs: 1, backend: 'wasm' }).learn(data, learnerContext())
  expect(listeners()).toEqual(before)
})

it('takes off what throws, and no listener that the host adds meanwhile, also when the start fails', async () => {
  const before = listeners()
  const start = withoutRethrowing(async () => {
    process.on('unhandledRejection', (reason) => {
      throw reason
    })
    process.on('unhandledRejection', late)
    await Promise.resolve()
    throw new Error('did not start')
  })
  await expect(start).rejects.toThrow('did not start')
  expect(listeners()).toEqual({ exceptions: before.exceptions, rejections: [...before.rejections, late] })
})

it('runs without a process, and with one that is none, as in browsers', async () => {
  vi.stubGlobal('process', undefined)
  const without = await withoutRethrowing(async () => 1)
  vi.stubGlobal('process', { env: {} })
  const other = await withoutRethrowing(async () => 2)
  vi.unstubAllGlobals()
  expect([without, other]).toEqual([1, 2])
})
