import { MillraceError } from '../core/error.ts'
import { nearestName } from '../core/suggest.ts'
import type { ConformanceCase } from './conformance.ts'
import { failure } from './conformance.ts'

/** A case before it knows what it is run on. */
export interface SubjectCase<Subject> {
  readonly name: string
  readonly skip?: string | undefined
  run(subject: Subject): Promise<void>
}

export interface SuiteOptions<Subject> {
  /** Called by each case. */
  open(): Promise<Subject>
  close?(subject: Subject): Promise<void>
  /** By name, the cases that are known to fail, and why. */
  readonly expectedFailures?: Readonly<Record<string, string>>
}

/**
 * The cases with a subject of their own each. A case that is expected to fail passes while it does; once it does not, it fails, so that the expectation is
 * taken away. That the subject cannot be opened is never expected.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for an expected failure that names no case, or one that is skipped.
 */
export function conformanceSuite<Subject>(
  cases: readonly SubjectCase<Subject>[],
  options: SuiteOptions<Subject>,
): readonly ConformanceCase[] {
  const expected = new Map(Object.entries(options.expectedFailures ?? {}))
  for (const name of expected.keys()) assertExpectable(name, cases)
  return cases.map(({ name, skip, run }) => {
    const expectedFailure = expected.get(name)
    return {
      name,
      ...(skip === undefined ? {} : { skip }),
      ...(expectedFailure === undefined ? {} : { expectedFailure }),
      async run(): Promise<void> {
        const subject = await options.open()
        let fault: { readonly error: unknown } | undefined
        try {
          await run(subject)
        } catch (error) {
          fault = { error }
        }
        try {
          await options.close?.(subject)
        } catch (error) {
          // What failed first says more.
          fault ??= { error }
        }
        if (expectedFailure === undefined) {
          if (fault !== undefined) throw fault.error
        } else if (fault === undefined) {
          throw failure(name, `a failure, since ${expectedFailure}`, 'success: take it out of expectedFailures')
        }
      },
    }
  })
}

function assertExpectable<Subject>(name: string, cases: readonly SubjectCase<Subject>[]): void {
  const named = cases.find((one) => one.name === name)
  if (named !== undefined && named.skip === undefined) return
  const names = cases.map((one) => one.name)
  const near = nearestName(name, names)
  const received =
    named === undefined ? `"${name}"${near === undefined ? '' : `. Did you mean "${near}"?`}` : `"${name}", which is skipped: ${named.skip}`
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected expectedFailures to name cases that are run. Received ${received}`,
    details: { argument: 'expectedFailures', expected: 'names of cases that are run', received: name },
  })
}
