import type { Evaluation } from '../model/evaluation.ts'
import type { Verdict } from '../model/flow.ts'
import type { EpochRecord } from '../model/learner.ts'
import type { RunRecord } from '../pipeline/run-record.ts'
import type { DataSummary } from './data-summary.ts'
import { formatDuration, formatMoment } from './format.ts'
import type { Markup } from './markup.ts'
import { markup } from './markup.ts'
import type { MonitoringPeriod } from './monitoring-period.ts'
import type { ReportModel } from './report-model.ts'
import { dataSection } from './sections/data.ts'
import { evaluationSection } from './sections/evaluation.ts'
import { monitoringSection } from './sections/monitoring.ts'
import { runSection } from './sections/run.ts'
import { trainingSection } from './sections/training.ts'
import { styleSheet } from './style.ts'

/** What a report can show; each part that is absent is left out. Figures only: no rows of data are taken in, so none can get out. */
export interface ReportContents {
  readonly title: string
  /** When it is made, milliseconds since 1970 UTC. */
  readonly time: number
  /** A line or two at the top, such as the model's version: name and value. */
  readonly facts?: Readonly<Record<string, string>>
  /** The version that training, evaluation and verdict are about. */
  readonly model?: ReportModel
  readonly run?: RunRecord
  readonly data?: DataSummary
  readonly history?: readonly EpochRecord[]
  readonly evaluation?: Evaluation
  readonly verdict?: Verdict
  readonly monitoring?: readonly MonitoringPeriod[]
}

/**
 * One self-contained HTML page: styles and drawings inside, no script, no network (its content security policy forbids both), every text escaped.
 *
 * @example
 * const page = htmlReport({ title: 'flight-delay', time: Date.now(), run: run.record, evaluation: run.output.evaluation })
 * await writeFile('report.html', page)
 */
export function htmlReport(contents: ReportContents): string {
  const page = markup`<main><h1>${contents.title}</h1>
<p class="sub">${formatMoment(contents.time)}${contents.run?.durationMs === undefined ? '' : ` · run of ${formatDuration(contents.run.durationMs)}`}</p>
${contents.facts === undefined ? undefined : facts(contents.facts)}
${contents.run === undefined ? undefined : runSection(contents.run)}
${contents.data === undefined ? undefined : dataSection(contents.data)}
${contents.history === undefined || contents.history.length === 0 ? undefined : trainingSection(contents.history, contents.model)}
${contents.evaluation === undefined ? undefined : evaluationSection(contents.evaluation, contents.verdict, contents.model)}
${contents.monitoring === undefined || contents.monitoring.length === 0 ? undefined : monitoringSection(contents.monitoring, contents.model)}
</main>`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${markup`${contents.title}`.text}</title><style>${styleSheet}</style></head><body>${page.text}</body></html>\n`
}

/** Up to so many characters stand on one line of a tile. */
const shortValue = 14

function facts(entries: Readonly<Record<string, string>>): Markup {
  return markup`<div class="tiles">${Object.entries(entries).map(([name, value]) => markup`<div class="tile"><b${value.length > shortValue ? undefined : markup` class="short"`}>${value}</b><span>${name}</span></div>`)}</div>`
}
