import type { AnyStage } from './stage.ts'

/** One call on a pipeline, as it was made. */
export type Step =
  | { readonly kind: 'pipe'; readonly stage: AnyStage }
  | { readonly kind: 'branch'; readonly branches: Readonly<Record<string, AnyStage>> }
  | { readonly kind: 'map'; readonly stage: AnyStage; readonly concurrency: number | undefined }
  | { readonly kind: 'when'; readonly stage: AnyStage; readonly predicate: (value: never) => boolean }

/** The steps of a stage that is a pipeline; undefined for a plain stage. Told by shape, so that it holds across duplicate installs. */
export function stepsOf(stage: AnyStage): readonly Step[] | undefined {
  const { steps } = stage as { readonly steps?: unknown }
  return Array.isArray(steps) ? (steps as readonly Step[]) : undefined
}
