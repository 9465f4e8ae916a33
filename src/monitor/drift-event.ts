import type { ColumnVerdict } from './verdict.ts'
import type { WindowBounds } from './window.ts'

/** A closed window with what was found in it. */
export interface DriftWindow extends WindowBounds {
  readonly verdicts: readonly ColumnVerdict[]
}

/** `time` is that of the observation that closed the window. An alarm changes only when a window closes. */
export type DriftEvent = { readonly time: number; readonly window: WindowBounds } & (
  | { readonly type: 'window-closed'; readonly verdicts: readonly ColumnVerdict[] }
  /** Verdicts of the columns whose alarm was raised now. */
  | { readonly type: 'drift-detected'; readonly verdicts: readonly ColumnVerdict[] }
  | { readonly type: 'drift-cleared'; readonly columns: readonly string[] }
)
