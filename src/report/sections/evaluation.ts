import { quantile } from 'simple-statistics'
import type { MetricName } from '../../metrics/metric.ts'
import { builtInMetrics } from '../../metrics/metric.ts'
import type { Evaluation, MetricValue, MetricValues, Slice } from '../../model/evaluation.ts'
import type { Verdict } from '../../model/flow.ts'
import { formatCount, formatFigure, formatShare } from '../format.ts'
import { lineChart } from '../line-chart.ts'
import type { Content, Markup } from '../markup.ts'
import { markup } from '../markup.ts'
import type { ReportModel } from '../report-model.ts'
import { modelWords } from '../report-model.ts'

/** The figures on the test part beside the baselines, the verdict of the gates, the curves, and the slices. */
export function evaluationSection(evaluation: Evaluation, verdict: Verdict | undefined, model?: ReportModel): Markup {
  return markup`<h2>Evaluation</h2>
<p class="sub">${model === undefined ? undefined : `${modelWords(model)} `}On ${formatCount(evaluation.rows)} test rows.</p>
${metricTable(evaluation)}
${verdict === undefined ? undefined : verdictTable(verdict)}
<div class="charts">${evaluation.roc.length === 0 ? undefined : rocChart(evaluation)}${evaluation.calibration.length === 0 ? undefined : calibrationChart(evaluation)}</div>
${evaluation.slices.length === 0 ? undefined : sliceTables(evaluation)}`
}

function metricTable(evaluation: Evaluation): Markup {
  const names = Object.keys(evaluation.metrics)
  const row = (label: string, values: MetricValues): Markup =>
    markup`<tr><td>${label}</td>${names.map((name) => markup`<td>${valueText(values[name])}</td>`)}</tr>`
  return markup`<div class="scroll"><table><thead><tr><th></th>${names.map((name) => markup`<th>${name}</th>`)}</tr></thead><tbody>
${row('model', evaluation.metrics)}${Object.entries(evaluation.baselines).map(([label, values]) => row(`baseline: ${label}`, values))}</tbody></table></div>`
}

/** The value, and under it the 95 % interval where there is one. */
function valueText(metric: MetricValue | undefined): Content {
  if (metric === undefined) return '–'
  const { value, interval } = metric
  if (interval === undefined) return formatFigure(value)
  return markup`${formatFigure(value)}<span class="interval">${formatFigure(interval[0])} – ${formatFigure(interval[1])}</span>`
}

function verdictTable(verdict: Verdict): Markup {
  const look = { passed: 'good', failed: 'bad', undecidable: 'warn' } as const
  return markup`<h3>Gates: <span class="${verdict.passed ? 'good' : 'bad'}">${verdict.passed ? 'passed' : 'not passed'}</span></h3>
<div class="scroll"><table><thead><tr><th>gate</th><th class="text">outcome</th><th class="text">reason</th></tr></thead><tbody>
${verdict.gates.map((gate) => markup`<tr><td>${gate.name}</td><td class="text ${look[gate.outcome]}">${gate.outcome}</td><td class="reason">${gate.reason}</td></tr>`)}</tbody></table></div>`
}

function rocChart(evaluation: Evaluation): Markup {
  const points = evaluation.roc.map((point): [number, number] => [point.falsePositiveRate, point.truePositiveRate])
  return lineChart({
    title: 'Receiver operating characteristic',
    xLabel: 'false positive rate',
    yLabel: 'true positive rate',
    x: [0, 1],
    y: [0, 1],
    series: [
      { name: 'chance', color: 0, dashed: true, points: [[0, 0] as const, [1, 1] as const] },
      { name: 'model', color: 1, points },
    ],
  })
}

function calibrationChart(evaluation: Evaluation): Markup {
  const bins = evaluation.calibration.filter((bin) => bin.count > 0)
  const high = Math.min(1, Math.max(...bins.map((bin) => Math.max(bin.meanPrediction, bin.meanLabel))) * 1.05)
  const chart = lineChart({
    title: 'Calibration',
    xLabel: 'predicted share',
    yLabel: 'observed share',
    x: [0, high],
    y: [0, high],
    series: [
      { name: 'perfect', color: 0, dashed: true, points: [[0, 0] as const, [high, high] as const] },
      { name: 'model', color: 1, dots: true, points: bins.map((bin): [number, number] => [bin.meanPrediction, bin.meanLabel]) },
    ],
  })
  const rows = bins.reduce((sum, bin) => sum + bin.count, 0)
  const mean = (of: 'meanPrediction' | 'meanLabel'): string => formatShare(bins.reduce((sum, bin) => sum + bin.count * bin[of], 0) / rows)
  return markup`<div>${chart}<p class="legend">Over ${formatCount(rows)} rows the model predicts ${mean('meanPrediction')}, observed are ${mean('meanLabel')}.</p></div>`
}

const shownSlices = 12

/** The largest slices and the worst: those that matter most and those that hide behind the average. */
function sliceTables(evaluation: Evaluation): Markup {
  const columns = [...new Set(evaluation.slices.map((slice) => slice.column))]
  return markup`<h3>Slices</h3><div class="charts">${columns.map((column) => {
    const slices = evaluation.slices.filter((slice) => slice.column === column)
    const metric = Object.keys(slices[0]?.metrics ?? {})[0] ?? ''
    const sign = higherIsBetter(metric) ? 1 : -1
    const largest = [...slices].sort((a, b) => b.rows - a.rows).slice(0, shownSlices)
    const weakest = [...slices]
      .filter((slice) => slice.metrics[metric] !== undefined)
      .sort((a, b) => sign * (figureOf(a, metric) - figureOf(b, metric)))
    return markup`${sliceTable(`${column}: largest of ${slices.length}`, largest, evaluation)}${sliceTable(`${column}: worst ${metric}`, weakest.slice(0, shownSlices), evaluation, spread(weakest, metric))}`
  })}</div>`
}

/** A metric of the host's own is taken to be one. */
function higherIsBetter(metric: string): boolean {
  return !Object.hasOwn(builtInMetrics, metric) || builtInMetrics[metric as MetricName].higherIsBetter
}

/** How the metric lies over all slices, since the tables show only the ends. */
function spread(slices: readonly Slice[], metric: string): Markup | undefined {
  const figures = slices.map((slice) => figureOf(slice, metric)).filter(Number.isFinite)
  if (figures.length <= shownSlices) return undefined
  const [low, middle, high] = quantile(figures, [0.1, 0.5, 0.9]).map((figure) => formatFigure(figure))
  return markup`<p class="legend">${metric} over ${formatCount(figures.length)} slices: median ${middle}, eight in ten from ${low} to ${high}.</p>`
}

function figureOf(slice: Slice, metric: string): number {
  return slice.metrics[metric]?.value ?? Number.NaN
}

function sliceTable(title: string, slices: readonly Slice[], evaluation: Evaluation, below?: Markup): Markup {
  const names = Object.keys(slices[0]?.metrics ?? {}).slice(0, 2)
  return markup`<div class="scroll"><table><thead><tr><th>${title}</th><th>rows</th><th>share</th>${names.map((name) => markup`<th>${name}</th>`)}</tr></thead><tbody>
${slices.map((slice) => markup`<tr><td>${slice.value}</td><td>${formatCount(slice.rows)}</td><td>${formatShare(slice.rows / evaluation.rows)}</td>${names.map((name) => markup`<td>${formatFigure(figureOf(slice, name))}</td>`)}</tr>`)}</tbody></table>${below}</div>`
}
