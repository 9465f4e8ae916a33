// The program of docs/guides/mlflow.md compiles; test/services runs it on a real server.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { typeFaults } from './support/check-types.ts'
import { markdownProgram } from './support/markdown-program.ts'
import { root } from './support/root.ts'

test('the program of docs/guides/mlflow.md compiles', () => {
  const { code } = markdownProgram(readFileSync(join(root, 'docs/guides/mlflow.md'), 'utf8'), 'mlflow.ts')
  expect(code).toContain('trackRun(')
  expect(typeFaults(new Map([['mlflow.ts', code]]))).toEqual(new Map())
}, 60_000)
