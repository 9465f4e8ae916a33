import { MillraceError } from 'millrace/core'
import type { PipelineEvent, StageContext, StageDefinition } from 'millrace/pipeline'
import { Stage } from 'millrace/pipeline'

/** A stage of a plain function, with whatever else is given. */
export function stage<Input, Output>(
  name: string,
  run: (input: Input, context: StageContext) => Output | Promise<Output>,
  more: Partial<StageDefinition<Input, Output>> = {},
): Stage<Input, Output> {
  return new Stage<Input, Output>({ name, version: '1', run, ...more })
}

/** A stage that counts its runs. */
export function counted<Input, Output>(
  name: string,
  run: (input: Input, context: StageContext) => Output | Promise<Output>,
  more: Partial<StageDefinition<Input, Output>> = {},
): { readonly stage: Stage<Input, Output>; readonly runs: () => number } {
  let runs = 0
  const whole = stage<Input, Output>(
    name,
    (input, context) => {
      runs++
      return run(input, context)
    },
    more,
  )
  return { stage: whole, runs: () => runs }
}

export function collector(): { readonly events: PipelineEvent[]; readonly onEvent: (event: PipelineEvent) => void } {
  const events: PipelineEvent[] = []
  return { events, onEvent: (event) => void events.push(event) }
}

export async function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('Expected a rejection. Received a result.')
}

export async function runFailure(work: Promise<unknown>): Promise<MillraceError<'RUN_FAILED'>> {
  const error = await rejectionOf(work)
  if (MillraceError.is(error, 'RUN_FAILED')) return error
  throw error
}

/** A promise that is settled from outside. */
export function deferred<Value = void>(): {
  readonly promise: Promise<Value>
  resolve: (value: Value) => void
  reject: (error: unknown) => void
} {
  let resolve: (value: Value) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}
