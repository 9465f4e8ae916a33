// What the page shows. The library itself touches no document.
import type { Evaluation, GatedPart, RegisteredPart, TrainedPart } from 'millrace/model'
import type { ColumnVerdict } from 'millrace/monitor'
import type { PipelineEvent } from 'millrace/pipeline'
import type { Markup } from 'millrace/report'
import { lineChart, markup } from 'millrace/report'

export function element<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind
}

export function show(id: string, text: string): void {
  element(id).textContent = text
}

export function setBusy(isBusy: boolean): void {
  for (const id of ['run', 'forget']) element<HTMLButtonElement>(id).disabled = isBusy
  element<HTMLButtonElement>('cancel').disabled = !isBusy
  if (!isBusy) element<HTMLProgressElement>('progress').value = 0
}

/** One line a stage: waiting, running, done, cached or failed, and why. */
export function showEvent(event: PipelineEvent): void {
  if (event.type === 'run-started') {
    element('stages').innerHTML = event.stages
      .map((stage) => markup`<li data-stage="${stage}" data-state="waiting"><b>${stage}</b> <span>waits</span></li>`.text)
      .join('')
  } else if (event.type === 'stage-started') setStage(event.stage, 'running', 'runs')
  else if (event.type === 'stage-progress') {
    if (event.total === undefined) return
    element<HTMLProgressElement>('progress').value = event.done / event.total
    const loss = event.fields?.loss === undefined ? '' : `, loss ${event.fields.loss.toFixed(4)}`
    show('doing', `${event.stage}: ${count(event.done)} of ${count(event.total)} ${event.unit ?? ''}${loss}`)
  } else if (event.type === 'stage-succeeded') setStage(event.stage, 'done', `${Math.round(event.durationMs)} ms`)
  else if (event.type === 'stage-cached') setStage(event.stage, 'cached', `from the cache: ${event.reason}`)
  else if (event.type === 'stage-failed') setStage(event.stage, 'failed', event.error.message)
  else if (event.type === 'stage-abandoned') setStage(event.stage, 'failed', event.reason)
}

function setStage(stage: string, state: string, text: string): void {
  const line = element('stages').querySelector<HTMLElement>(`[data-stage="${stage}"]`)
  if (line === null) return
  line.dataset.state = state
  const note = line.querySelector('span')
  if (note !== null) note.textContent = text
}

export function showResult(
  output: TrainedPart & GatedPart & RegisteredPart & { readonly evaluation: Evaluation },
  drift: readonly ColumnVerdict[],
): void {
  const { evaluation, verdict, version, promoted } = output
  const best = Math.max(...Object.values(evaluation.baselines).map((metrics) => metrics.auc?.value ?? Number.NaN))
  const result = element('result')
  result.innerHTML = markup`<h2>Result</h2>
<dl class="tiles">
  ${tile('AUC on the last fifth', 'auc', figure(evaluation.metrics.auc?.value))}
  ${tile('Best baseline', 'baseline', figure(best))}
  ${tile('Gates', 'gates', verdict.passed ? 'passed' : 'not passed')}
  ${tile(promoted ? 'Version, now champion' : 'Version, not promoted', 'version', String(version.version))}
</dl>
<ul class="gates">${verdict.gates.map((gate) => markup`<li class="${gate.outcome === 'passed' ? 'good' : 'bad'}">${gate.name}: ${gate.reason}</li>`)}</ul>
<div class="charts">${learningCurves(output)}${operatingCharacteristic(evaluation)}</div>
${driftTable(drift)}`.text
  result.hidden = false
}

function tile(label: string, id: string, value: string): Markup {
  return markup`<div><dt>${label}</dt><dd id="${id}">${value}</dd></div>`
}

function learningCurves({ history }: TrainedPart): Markup {
  const curve = (of: 'loss' | 'validationLoss') => history.map((epoch) => [epoch.epoch, epoch[of] ?? Number.NaN] as const)
  return lineChart({
    title: 'Learning curves',
    xLabel: 'epoch',
    yLabel: 'log loss',
    wholeX: true,
    series: [
      { name: 'training', color: 1, points: curve('loss') },
      { name: 'validation', color: 2, points: curve('validationLoss') },
    ],
  })
}

function operatingCharacteristic({ roc }: Evaluation): Markup {
  return lineChart({
    title: 'Receiver operating characteristic',
    xLabel: 'false positive rate',
    yLabel: 'true positive rate',
    x: [0, 1],
    y: [0, 1],
    series: [
      {
        name: 'chance',
        color: 0,
        dashed: true,
        points: [
          [0, 0],
          [1, 1],
        ],
      },
      { name: 'model', color: 1, points: roc.map((point) => [point.falsePositiveRate, point.truePositiveRate] as const) },
    ],
  })
}

function driftTable(verdicts: readonly ColumnVerdict[]): Markup {
  const line = ({ column, effect, adjustedPValue, drifted }: ColumnVerdict): Markup =>
    markup`<tr><td>${column}</td><td>${effect.name.replaceAll('-', ' ')}</td><td class="number">${figure(effect.value)}</td><td class="number">${chance(adjustedPValue)}</td><td class="${drifted ? 'bad' : 'good'}">${drifted ? 'drift' : 'no drift'}</td></tr>`
  return markup`<h3>Drift of the last fifth from the training data</h3><div class="scroll"><table id="drift">
<thead><tr><th>column</th><th>effect</th><th class="number">size</th><th class="number">p-value</th><th>verdict</th></tr></thead>
<tbody>${verdicts.map(line)}</tbody></table></div>`
}

const figure = (value: number | undefined): string => (value ?? Number.NaN).toFixed(3)
const chance = (pValue: number): string => (pValue < 0.001 ? '< 0.001' : pValue.toFixed(3))
const count = (value: number): string => value.toLocaleString('en-US')
