import type { DataSummary } from '../data-summary.ts'
import { formatCount, formatShare } from '../format.ts'
import type { Markup } from '../markup.ts'
import { markup } from '../markup.ts'

/** Rows read and rejected, why, and how the rest was split. */
export function dataSection({ rowsRead, rejected, parts }: DataSummary): Markup {
  return markup`<h2>Data</h2>
<p class="sub">${formatCount(rowsRead)} rows read${rejected === undefined ? '' : `, ${formatCount(rejected.count)} rejected (${formatShare(rejected.count / rowsRead, 2)})`}.</p>
<div class="charts">${parts.length === 0 ? undefined : partTable(parts)}${rejected === undefined ? undefined : reasonTable(rejected.reasons)}</div>`
}

function partTable(parts: DataSummary['parts']): Markup {
  const total = parts.reduce((sum, part) => sum + part.rows, 0)
  const hasPositives = parts.some((part) => part.positiveShare !== undefined)
  return markup`<div class="scroll"><table><thead><tr><th>part</th><th>rows</th><th>share</th>${hasPositives ? markup`<th>positive labels</th>` : undefined}</tr></thead><tbody>
${parts.map(({ name, rows, positiveShare }) => markup`<tr><td>${name}</td><td>${formatCount(rows)}</td><td>${formatShare(rows / total)}</td>${hasPositives ? markup`<td>${formatShare(positiveShare ?? Number.NaN)}</td>` : undefined}</tr>`)}</tbody></table></div>`
}

function reasonTable(reasons: Readonly<Record<string, number>>): Markup | undefined {
  const rows = Object.entries(reasons).sort(([, one], [, other]) => other - one)
  if (rows.length === 0) return undefined
  return markup`<div class="scroll"><table><thead><tr><th>rejected because</th><th>rows</th></tr></thead><tbody>
${rows.map(([reason, count]) => markup`<tr><td>${reason}</td><td>${formatCount(count)}</td></tr>`)}</tbody></table></div>`
}
