// What a proof needs of a test run, in one JSON file: each test with its row, its result, its duration and what it said.
import { writeFileSync } from 'node:fs'

// Vitest takes a reporter from a file's default export.
// biome-ignore lint/style/noDefaultExport: it is the interface
export default class ProofReporter {
  #said = new Map()

  onUserConsoleLog({ taskId, content }) {
    if (taskId !== undefined) this.#said.set(taskId, (this.#said.get(taskId) ?? '') + content)
  }

  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => {
        const result = test.result()
        return {
          file: module.relativeModuleId,
          name: test.name,
          fullName: test.fullName,
          groups: groupsOf(test),
          state: result.state,
          durationMs: test.diagnostic()?.duration ?? 0,
          said: this.#said.get(test.id) ?? '',
          errors: (result.errors ?? []).map((error) => String(error.message ?? error)),
        }
      }),
    )
    // A file that cannot be loaded has no tests.
    const errors = [...unhandledErrors, ...modules.flatMap((module) => module.errors())].map((error) => String(error.message ?? error))
    writeFileSync(process.env.MILLRACE_PROOF_REPORT, JSON.stringify({ tests, errors }))
  }
}

/** The names of the groups that a test is in, the innermost first. */
function groupsOf(test) {
  const names = []
  for (let group = test.parent; group.type === 'suite'; group = group.parent) names.push(group.name)
  return names
}
