import type { RunRecord, StageRecord } from '../../pipeline/run-record.ts'
import { formatDuration } from '../format.ts'
import type { Markup } from '../markup.ts'
import { markup } from '../markup.ts'

const look: Readonly<Record<StageRecord['outcome'], string>> = {
  succeeded: 'good',
  cached: 'muted',
  failed: 'bad',
  skipped: 'muted',
  abandoned: 'warn',
  unfinished: 'warn',
}

/** The stages of the run: outcome, time as a bar, and why each ran or did not. */
export function runSection(run: RunRecord): Markup {
  const longest = Math.max(1, ...run.stages.map((stage) => stage.durationMs))
  return markup`<h2>Run</h2>
<p class="sub">${run.pipeline} · ${run.id} · ${run.outcome}${run.codeVersion === undefined ? '' : ` · code ${run.codeVersion.slice(0, 12)}`} · seed ${run.seed}</p>
<div class="scroll"><table><thead><tr><th>stage</th><th class="text">outcome</th><th>time</th><th class="text" style="width:30%"></th><th class="text">why</th></tr></thead><tbody>
${run.stages.map((stage) => stageRow(stage, longest))}</tbody></table></div>`
}

function stageRow(stage: StageRecord, longestMs: number): Markup {
  const width = ((stage.durationMs / longestMs) * 100).toFixed(1)
  const why = [stage.reason, stage.detail, stage.error?.message].filter((part) => part !== undefined).join(': ')
  return markup`<tr><td>${stage.name}</td><td class="text ${look[stage.outcome]}">${stage.outcome}</td><td>${formatDuration(stage.durationMs)}</td>
<td class="text"><span class="bar ${stage.outcome}" style="width:${width}%"></span></td><td class="reason">${why}</td></tr>`
}
