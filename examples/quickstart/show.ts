// What the terminal shows. The library itself prints nothing.
import type { ProgressBar } from 'millrace/log'
import type { PipelineEvent, RunRecord } from 'millrace/pipeline'

export const print = (text = ''): void => {
  process.stdout.write(`${text}\n`)
}

export function heading(text: string): void {
  print(`\n${text}\n${'─'.repeat(text.length)}`)
}

/** Draws progress, and says of each stage whether it ran and why. */
export function showStages(bar: ProgressBar): (event: PipelineEvent) => void {
  return (event) => {
    if (event.type === 'stage-progress') bar.update(event.stage, event)
    else if (event.type === 'stage-missed')
      print(`${event.stage}: runs (${event.reason}${event.detail === undefined ? '' : `: ${event.detail}`})`)
    else if (event.type === 'stage-cached') print(`${event.stage}: taken from the cache (${event.reason} since run ${event.from})`)
    else if (event.type === 'stage-succeeded') bar.finish(event.stage)
    else if (event.type === 'stage-failed') print(`${event.stage}: failed. ${event.error.message}`)
  }
}

/** A table of text, the first column to the left and the others to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? '').length)))
  for (const row of rows) {
    print(
      `  ${row.map((cell, column) => (column === 0 ? String(cell).padEnd(widths[column] ?? 0) : String(cell).padStart(widths[column] ?? 0))).join('  ')}`,
    )
  }
}

export const figure = (value: number | undefined, digits = 4): string =>
  value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits)
export const count = (value: number): string => value.toLocaleString('en-US')
export const share = (value: number): string => `${(value * 100).toFixed(1)} %`
export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`

export function showTimes(record: RunRecord): void {
  table([['stage', 'outcome', 'time'], ...record.stages.map((stage) => [stage.name, stage.outcome, seconds(stage.durationMs)])])
}
