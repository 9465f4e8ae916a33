import type { EpochRecord } from '../../model/learner.ts'
import { formatFigure } from '../format.ts'
import { lineChart } from '../line-chart.ts'
import type { Markup } from '../markup.ts'
import { markup } from '../markup.ts'
import type { ReportModel } from '../report-model.ts'
import { modelWords } from '../report-model.ts'

/** Learning curves: the loss on the training and on the validation part, by epoch. */
export function trainingSection(history: readonly EpochRecord[], model?: ReportModel): Markup {
  const validation = history.flatMap((epoch): [number, number][] =>
    epoch.validationLoss === undefined ? [] : [[epoch.epoch, epoch.validationLoss]],
  )
  const best = history.reduce<EpochRecord | undefined>(
    (least, epoch) => ((epoch.validationLoss ?? epoch.loss) < (least?.validationLoss ?? least?.loss ?? Infinity) ? epoch : least),
    undefined,
  )
  return markup`<h2>Training</h2>
${model === undefined ? undefined : markup`<p class="sub">${modelWords(model)}</p>`}
<div class="charts">${lineChart({
    title: 'Learning curves',
    xLabel: 'epoch',
    yLabel: 'loss',
    wholeX: true,
    series: [
      { name: 'training', color: 1, dots: true, points: history.map((epoch): [number, number] => [epoch.epoch, epoch.loss]) },
      ...(validation.length === 0 ? [] : [{ name: 'validation', color: 2, dots: true, points: validation } as const]),
    ],
  })}
<div class="scroll"><table><thead><tr><th>epoch</th><th>training loss</th><th>validation loss</th></tr></thead><tbody>
${history.map((epoch) => markup`<tr><td>${epoch.epoch}${epoch === best ? ' (best)' : ''}</td><td>${formatFigure(epoch.loss, 5)}</td><td>${formatFigure(epoch.validationLoss ?? Number.NaN, 5)}</td></tr>`)}
</tbody></table></div></div>`
}
