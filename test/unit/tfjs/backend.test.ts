import * as tf from '@tensorflow/tfjs'
import { afterEach, describe, expect, it } from 'vitest'
import { openBackend } from '../../../src/tfjs/index.ts'
import { recordingLogger } from '../train/learning-fixtures.ts'

afterEach(async () => {
  await tf.setBackend('cpu')
})

describe('openBackend', () => {
  it('takes wasm by itself, and says and logs why', async () => {
    const logger = recordingLogger()
    const backend = await openBackend('auto', { logger, parameterCount: 3_137 })
    expect(backend.name).toBe('wasm')
    expect(backend.reason).toContain('3137 parameters')
    expect(backend.version).toBe('4.22.0')
    expect(tf.getBackend()).toBe('wasm')
    expect(logger.calls).toContainEqual({ level: 'info', message: 'Training on the tfjs backend wasm' })
  })

  it('never asks for threads', async () => {
    await openBackend('wasm', { logger: recordingLogger() })
    expect(tf.env().getBool('WASM_HAS_MULTITHREAD_SUPPORT')).toBe(false)
  })

  it('falls back only when asked to choose, and tells what was not there', async () => {
    const logger = recordingLogger()
    const backend = await openBackend('auto', { logger, parameterCount: 5_000_000 })
    expect(backend.name).toBe('wasm')
    expect(backend.reason).toContain('@tensorflow/tfjs-node is not installed')
  })

  it('refuses a named backend that does not start, and leaves the engine on one that works', async () => {
    await expect(openBackend('webgl', { logger: recordingLogger() })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      details: { backend: 'webgl' },
      message: expect.stringMatching(/browser/),
    })
    expect(tf.getBackend()).toBe('cpu')
    expect(tf.add(1, 2).dataSync()[0]).toBe(3)
  })

  it('names the command that installs what is missing', async () => {
    await expect(openBackend('node', { logger: recordingLogger() })).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      details: { install: 'npm install @tensorflow/tfjs-node' },
    })
  })

  it('makes itself the active backend again after somebody changed it, and gives the engine back on release', async () => {
    await tf.setBackend('cpu')
    const backend = await openBackend('wasm', { logger: recordingLogger() })
    await tf.setBackend('cpu')
    backend.activate()
    expect(tf.getBackend()).toBe('wasm')
    await backend.release()
    expect(tf.getBackend()).toBe('cpu')
  })
  it('leaves production mode and wasm without threads behind, as it says', async () => {
    await tf.setBackend('cpu')
    tf.env().set('PROD', false)
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true)
    await (await openBackend('wasm', { logger: recordingLogger() })).release()
    expect(tf.getBackend()).toBe('cpu')
    expect('wasm' in tf.engine().registry).toBe(true)
    expect(tf.env().getBool('PROD')).toBe(true)
    expect(tf.env().getBool('WASM_HAS_MULTITHREAD_SUPPORT')).toBe(false)
  })
})
