import type { ColumnVerdict } from '../../monitor/verdict.ts'
import { formatCount, formatDuration, formatFigure, formatPValue, formatShare } from '../format.ts'
import { lineChart } from '../line-chart.ts'
import type { Markup } from '../markup.ts'
import { markup } from '../markup.ts'
import type { MonitoringPeriod } from '../monitoring-period.ts'
import type { ReportModel } from '../report-model.ts'
import { servedWords } from '../report-model.ts'
import { trendOf } from '../trend.ts'

/** Drift by period and column, performance against the test value, operations, and what was done about the predictions. */
export function monitoringSection(periods: readonly MonitoringPeriod[], model?: ReportModel): Markup {
  const served = periods.map((period) => period.servedVersion)
  const words = servedWords(served, model)
  return markup`<h2>Monitoring</h2>
${words === undefined ? undefined : markup`<p class="sub">${words}</p>`}
${periods.some((period) => period.drift !== undefined) ? driftTable(periods) : undefined}
${performanceCharts(periods)}
${operationsTable(periods)}`
}

/** A cell shows effect size and p-value; it is red where the verdict is drift (both are past their bounds). */
function driftTable(periods: readonly MonitoringPeriod[]): Markup {
  const columns = [...new Set(periods.flatMap((period) => (period.drift ?? []).map((verdict) => verdict.column)))]
  const cell = (verdict: ColumnVerdict | undefined): Markup =>
    verdict === undefined
      ? markup`<td class="cell muted">–</td>`
      : markup`<td class="cell${verdict.drifted ? ' drift' : ''}" title="${verdict.test}, ${verdict.effect.name}">${formatFigure(verdict.effect.value, 3)} <span class="muted">p ${formatPValue(verdict.adjustedPValue)}</span></td>`
  return markup`<h3>Drift against the training data: effect size and adjusted p-value</h3>
<div class="scroll"><table><thead><tr><th>column</th>${periods.map((period) => markup`<th>${period.label}</th>`)}</tr></thead><tbody>
${columns.map((column) => markup`<tr><td>${column}</td>${periods.map((period) => cell(period.drift?.find((verdict) => verdict.column === column)))}</tr>`)}</tbody></table></div>
<p class="legend">Marked: drift, that is an adjusted p-value under the bound <em>and</em> an effect that matters.</p>`
}

function performanceCharts(periods: readonly MonitoringPeriod[]): Markup | undefined {
  const metrics = [...new Set(periods.flatMap((period) => Object.keys(period.performance?.metrics ?? {})))]
  if (metrics.length === 0) return undefined
  return markup`<h3>Performance with late labels</h3><div class="charts">${metrics.map((metric) => {
    const observed = periods.map((period, index): [number, number] => [index + 1, period.performance?.metrics[metric] ?? Number.NaN])
    const reference = periods.map((period, index): [number, number] => [index + 1, period.performance?.reference[metric] ?? Number.NaN])
    const trend = trendOf(observed)
    const chart = lineChart({
      title: metric,
      xLabel: 'period',
      yLabel: metric,
      xNames: periods.map((period) => period.label),
      series: [
        { name: 'test part', color: 0, dashed: true, points: reference },
        { name: 'in production', color: 1, dots: true, points: observed },
        ...(trend === undefined ? [] : [{ name: 'trend', color: 1, dashed: true, points: trend.points } as const]),
      ],
    })
    return trend === undefined ? chart : markup`<div>${chart}<p class="legend">Trend: ${trend.words}.</p></div>`
  })}</div>`
}

function operationsTable(periods: readonly MonitoringPeriod[]): Markup {
  // One that served throughout is named above.
  const hasVersions = new Set(periods.map((period) => period.servedVersion)).size > 1
  return markup`<h3>Operations and actions</h3>
<div class="scroll"><table><thead><tr><th>period</th>${hasVersions ? markup`<th>version</th>` : undefined}<th>rows</th><th>labelled</th><th>requests</th><th>p50</th><th>p99</th><th>rows/s</th><th>failures</th><th>flagged</th><th>acted on</th></tr></thead><tbody>
${periods.map(
  ({
    label,
    rows,
    servedVersion,
    performance,
    operations,
    actions,
  }) => markup`<tr><td>${label}</td>${hasVersions ? markup`<td>${servedVersion ?? '–'}</td>` : undefined}<td>${formatCount(rows)}</td><td>${formatCount(performance?.labelledRows ?? Number.NaN)}</td>
<td>${formatCount(operations?.requests ?? Number.NaN)}</td><td>${formatDuration(operations?.p50Ms ?? Number.NaN)}</td><td>${formatDuration(operations?.p99Ms ?? Number.NaN)}</td><td>${formatCount(operations?.rowsPerSecond ?? Number.NaN)}</td><td>${formatCount(operations?.failures ?? Number.NaN)}</td>
<td>${formatCount(actions?.flagged ?? Number.NaN)}</td><td>${actions === undefined ? '–' : formatShare(actions.actedOn / actions.flagged)}</td></tr>`,
)}</tbody></table></div>`
}
