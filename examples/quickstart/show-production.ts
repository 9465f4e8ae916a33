import type { MonitoringPeriod } from 'millrace/report'
import type { Production } from './production.ts'
import { requestRows, weekLabel } from './production.ts'
import { count, figure, print, seconds, share, table } from './show.ts'

/** Week by week: how good, how fast, what was done, what drifted. */
export function showProduction({ weeks, alarms, rows, durationMs, dropped }: Production): void {
  print(
    `${count(rows)} flights scored, logged and joined with their labels in ${seconds(durationMs)}; ${dropped} records dropped from the log.`,
  )
  print(
    'A column has drifted where the adjusted p-value is under 0.01 and the effect reaches 0.02: at this many rows nearly every difference is',
  )
  print('certain, and few matter. An alarm is raised when two of three weeks have drifted.')
  for (const week of weeks) {
    print(`\n${week.label}: ${count(week.rows)} flights`)
    showFigures(week)
    table([
      ['column', 'verdict', 'adjusted p-value', 'effect', 'which'],
      ...(week.drift ?? []).map(({ column, drifted, adjustedPValue, effect }) => [
        column,
        drifted ? 'drift' : 'no drift',
        adjustedPValue.toExponential(1),
        figure(effect.value),
        effect.name,
      ]),
    ])
    if (!(week.drift ?? []).some(({ column }) => column === 'date:day-of-week'))
      print('  date:day-of-week is not judged: the window is shorter than a week.')
    for (const alarm of alarms.filter(({ window }) => weekLabel(window.start, window.end) === week.label)) {
      if (alarm.type === 'drift-detected') print(`  Alarm raised: ${alarm.verdicts.map(({ column }) => column).join(', ')}.`)
      if (alarm.type === 'drift-cleared') print(`  Alarm cleared: ${alarm.columns.join(', ')}.`)
    }
  }
}

function showFigures({ performance, operations, actions }: MonitoringPeriod): void {
  if (performance !== undefined) {
    const { metrics, reference, labelledRows } = performance
    print(`  AUC ${figure(metrics.auc)} against ${figure(reference.auc)} on the test part (${count(labelledRows)} labels)`)
  }
  if (operations !== undefined) {
    const { requests, p50Ms, p99Ms, rowsPerSecond } = operations
    print(
      `  ${count(requests)} requests of ${requestRows} flights: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${count(Math.round(rowsPerSecond))} flights per second of scoring`,
    )
  }
  if (actions !== undefined) print(`  ${count(actions.flagged)} flagged, ${share(actions.actedOn / actions.flagged)} acted on`)
}
