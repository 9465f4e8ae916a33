import { Stage } from 'millrace'
import type { Flow } from 'millrace/data'
import { columnOf } from 'millrace/data'
import { timePartOf } from 'millrace/features'

/** A stage of one's own: counts the rows of each month, and hands on what it was given with that part added. */
export const rowsByMonth = <F extends Flow<{ date: Date }>>(): Stage<F, F & { readonly months: readonly number[] }> =>
  new Stage({
    name: 'rows-by-month',
    version: '1',
    run: async (flow: F, { signal }) => {
      const months = new Uint32Array(12)
      for await (const batch of flow.dataset.batches({ columns: ['date'], signal })) {
        const dates = columnOf(batch, 'date')
        if (dates.kind === 'time') for (const time of dates.values) (months[timePartOf(time, 'month')] as number)++
      }
      return { ...flow, months: [...months] }
    },
  })
