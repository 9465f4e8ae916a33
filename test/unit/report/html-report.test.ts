import { htmlReport, lineChart, markup } from 'millrace/report'
import { describe, expect, test } from 'vitest'
import type { Evaluation } from '../../../src/model/evaluation.ts'
import type { ReportContents } from '../../../src/report/index.ts'

const contents: ReportContents = {
  title: 'Flights <script>alert(1)</script>',
  time: Date.UTC(2001, 5, 1, 12),
  facts: { 'AUC on May': '0.8061' },
  run: {
    format: 'millrace-run',
    formatVersion: 1,
    minReaderVersion: 1,
    id: 'run-1',
    pipeline: 'flights',
    outcome: 'succeeded',
    startedAt: 0,
    durationMs: 65_000,
    epoch: 1,
    resumptions: [],
    seed: 7,
    tags: {},
    inputDigest: null,
    stages: [
      { name: 'ingest', outcome: 'cached', durationMs: 12, attempts: 0, reason: 'unchanged' },
      {
        name: 'train',
        outcome: 'succeeded',
        durationMs: 61_000,
        attempts: 1,
        reason: 'parameters changed',
        detail: 'learner.parameters.epochs',
      },
    ],
  },
  history: [
    { epoch: 1, loss: 0.5, validationLoss: 0.45 },
    { epoch: 2, loss: 0.4, validationLoss: 0.41 },
    { epoch: 3, loss: 0.3, validationLoss: 0.47 },
  ],
  evaluation: {
    rows: 1_000,
    metrics: { auc: { value: 0.8061, interval: [0.79, 0.82] }, 'log-loss': { value: 0.3712 } },
    baselines: { prior: { auc: { value: 0.5 }, 'log-loss': { value: 0.45 } } },
    slices: [
      { column: 'origin', value: '<b>ORD</b>', rows: 600, metrics: { auc: { value: 0.7 } } },
      { column: 'origin', value: 'DFW', rows: 400, metrics: { auc: { value: 0.9 } } },
    ],
    calibration: [
      { lower: 0, upper: 0.5, count: 900, meanPrediction: 0.1, meanLabel: 0.12 },
      { lower: 0.5, upper: 1, count: 100, meanPrediction: 0.7, meanLabel: 0.66 },
    ],
    roc: [
      { threshold: Number.POSITIVE_INFINITY, falsePositiveRate: 0, truePositiveRate: 0 },
      { threshold: 0.5, falsePositiveRate: 0.2, truePositiveRate: 0.7 },
      { threshold: 0, falsePositiveRate: 1, truePositiveRate: 1 },
    ],
  },
  verdict: { passed: false, gates: [{ name: 'auc at least 0.9', outcome: 'failed', reason: 'auc is 0.8061' }] },
  monitoring: [
    {
      label: 'week 1',
      rows: 500,
      drift: [
        {
          column: 'origin',
          test: 'chi-square',
          drifted: true,
          pValue: 0,
          adjustedPValue: 0,
          effect: { name: 'total-variation', value: 0.31 },
        },
        {
          column: 'distance',
          test: 'kolmogorov-smirnov',
          drifted: false,
          pValue: 0.4,
          adjustedPValue: 0.4,
          effect: { name: 'kolmogorov-smirnov-distance', value: 0.01 },
        },
      ],
      performance: { labelledRows: 480, metrics: { auc: 0.77 }, reference: { auc: 0.8061 } },
      operations: { requests: 10, p50Ms: 1.2, p99Ms: 9.5, rowsPerSecond: 250_000, failures: 0 },
      actions: { flagged: 40, actedOn: 10 },
    },
    { label: 'week 2', rows: 20 },
  ],
}

describe('htmlReport', () => {
  const page = htmlReport(contents)

  test('needs no network and runs no script', () => {
    expect(page).toContain("default-src 'none'")
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:\/\//)
  })

  test('escapes whatever comes from data', () => {
    expect(page).not.toContain('<b>ORD</b>')
    expect(page).toContain('&lt;b&gt;ORD&lt;/b&gt;')
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  test('shows why a stage ran and that another did not', () => {
    expect(page).toMatch(/train<\/td>.*succeeded.*parameters changed: learner\.parameters\.epochs/s)
    expect(page).toMatch(/ingest<\/td>.*cached.*unchanged/s)
  })

  test('marks the best epoch, not the last', () => expect(page).toContain('2 (best)'))

  test('sets the model beside its baselines, with the interval', () => {
    expect(page).toMatch(/0\.8061<span[^>]*>0\.7900 – 0\.8200/)
    expect(page).toContain('baseline: prior')
  })

  test('names the gate that failed and why', () => {
    expect(page).toContain('not passed')
    expect(page).toContain('auc is 0.8061')
  })

  test('marks drift only where the verdict says so, and never prints a p-value of 0', () => {
    expect(page.match(/class="cell drift"/g)).toHaveLength(1)
    expect(page).toContain('&lt; 1e-300')
  })

  test('shows the share of flagged predictions that were acted on', () => expect(page).toContain('25.0 %'))

  test('leaves out what it was not given', () => {
    const small = htmlReport({ title: 'empty', time: 0 })
    expect(small).not.toContain('<h2>')
    expect(small).not.toContain('NaN')
  })

  test('prints no NaN and no undefined', () => expect(page).not.toMatch(/NaN|undefined|\[object/))
})

describe('lineChart', () => {
  test('keeps every finite point inside the drawing and leaves the others out', () => {
    const points = [[0, 1] as const, [1, Number.NaN] as const, [2, 3] as const]
    const svg = lineChart({ title: 't', xLabel: 'x', yLabel: 'y', series: [{ name: 's', color: 1, points }] }).text
    const places = [...svg.matchAll(/points="([^"]*)"/g)].flatMap((match) => (match[1] ?? '').split(' '))
    expect(places).toHaveLength(2)
    for (const place of places) {
      const [x, y] = place.split(',').map(Number) as [number, number]
      expect(x >= 0 && x <= 420 && y >= 0 && y <= 280).toBe(true)
    }
  })

  test('says so when there is nothing to draw', () => {
    expect(lineChart({ title: 'Loss', xLabel: '', yLabel: '', series: [] }).text).toContain('nothing to draw')
  })

  test('draws a constant series', () => {
    const svg = lineChart({
      title: 't',
      xLabel: 'x',
      yLabel: 'y',
      series: [
        {
          name: 's',
          color: 1,
          points: [
            [1, 5],
            [1, 5],
          ],
        },
      ],
    }).text
    expect(svg).not.toContain('NaN')
  })

  test('draws a range of nothing, numbers too large to tell from their neighbours, and more points than fit in a call', () => {
    const draw = (points: [number, number][], range?: [number, number]) =>
      lineChart({
        title: 't',
        xLabel: 'x',
        yLabel: 'y',
        series: [{ name: 's', color: 1, points }],
        ...(range === undefined ? {} : { x: range, y: range }),
      }).text
    const many = Array.from({ length: 300_000 }, (_, index): [number, number] => [index, index % 7])
    const drawings = [draw([[0, 0]], [0, 0]), draw([[1e17, 1e17]]), draw([[1, -1e300]]), draw(many)]
    for (const svg of drawings) {
      expect(svg).not.toMatch(/NaN|Infinity/)
      expect([...svg.matchAll(/class="tick"/g)].length).toBeGreaterThan(2)
    }
  })

  test('names in its legend only what is drawn', () => {
    const nothing = { name: 'nothing', color: 2, points: [[1, Number.NaN]] } as const
    const svg = lineChart({ title: 't', xLabel: 'x', yLabel: 'y', series: [{ name: 'some', color: 1, points: [[1, 2]] }, nothing] }).text
    expect(svg).toContain('some')
    expect(svg).not.toContain('nothing')
  })
})

describe('slices', () => {
  const slicesOf = (metric: string) =>
    Array.from({ length: 100 }, (_, index) => ({
      column: 'origin',
      value: `airport ${index}`,
      rows: 1000 - index,
      metrics: { [metric]: { value: index / 100 } },
    }))
  const page = (metric: string) =>
    htmlReport({ title: 't', time: 0, evaluation: { ...(contents.evaluation as Evaluation), slices: slicesOf(metric) } })
  const worst = (text: string) => text.slice(text.indexOf('origin: worst'))

  test('are shown from the worst on: low where high is good, high where low is', () => {
    expect(worst(page('auc'))).toMatch(/airport 0<.*airport 11</s)
    expect(worst(page('auc'))).not.toContain('airport 12<')
    expect(worst(page('log-loss'))).toMatch(/airport 99<.*airport 88</s)
    expect(worst(page('log-loss'))).not.toContain('airport 0<')
  })

  test('are summed up by quantiles where not all are shown', () => {
    expect(page('auc')).toContain('auc over 100 slices: median 0.4950, eight in ten from 0.0990 to 0.8910.')
    expect(htmlReport(contents)).not.toContain('eight in ten')
  })
})

describe('the trend of a metric over the periods', () => {
  const periods = (values: readonly (number | undefined)[]) =>
    htmlReport({
      title: 't',
      time: 0,
      monitoring: values.map((value, index) => ({
        label: `week ${index + 1}`,
        rows: 1,
        ...(value === undefined ? {} : { performance: { labelledRows: 1, metrics: { auc: value }, reference: { auc: 0.8 } } }),
      })),
    })

  test('is a dashed line and a sentence', () => {
    const page = periods([0.8, 0.79, undefined, 0.77])
    expect(page).toContain('Trend: −0.0100 a period over 3 periods.')
    const dashed = [...page.matchAll(/<polyline class="series s1 dashed" points="([^"]*)"/g)].map((match) => match[1])
    const observed = [...page.matchAll(/<polyline class="series s1" points="([^"]*)"/g)].map((match) => (match[1] ?? '').split(' '))
    expect(dashed).toEqual([`${observed[0]?.[0]} ${observed[0]?.[2]}`])
    expect(periods([0.7, 0.7, 0.75, 0.8])).toContain('Trend: +0.0350 a period over 4 periods.')
  })

  test('is not made of two periods', () => expect(periods([0.8, 0.7, undefined])).not.toMatch(/Trend|trend/))
})

test('markup keeps markup and escapes text, in lists too', () => {
  expect(markup`<p>${['a<', markup`<b>${'&'}</b>`, 1, undefined]}</p>`.text).toBe('<p>a&lt;<b>&amp;</b>1</p>')
})

describe('the version that a report is about', () => {
  const page = (model: ReportContents['model'], served: readonly number[] = []) =>
    htmlReport({
      ...contents,
      ...(model === undefined ? {} : { model }),
      monitoring: served.map((servedVersion, index) => ({ label: `week ${index}`, rows: 1, servedVersion })),
    })
  const candidate = { name: 'flight<delay', version: 4, champion: 3 }

  test('is named over training and evaluation, with the champion that it is not', () => {
    const text = page(candidate)
    const words = 'Version 4 of flight&lt;delay, a candidate: the champion is version 3.'
    expect(text).toContain(`<h2>Training</h2>\n<p class="sub">${words}</p>`)
    expect(text).toContain(`<h2>Evaluation</h2>\n<p class="sub">${words} On 1,000 test rows.</p>`)
    expect(page({ ...candidate, champion: 4 })).toContain('Version 4 of flight&lt;delay, the champion.')
    expect(page({ ...candidate, champion: undefined })).toContain('Version 4 of flight&lt;delay; there is no champion.')
    expect(page(undefined)).toContain('<h2>Evaluation</h2>\n<p class="sub">On 1,000 test rows.</p>')
  })

  test('is set against those that served', () => {
    expect(page(candidate, [3, 3])).toContain('Served by version 3 of flight&lt;delay, not by version 4 that the report is about.')
    expect(page(candidate, [3, 4])).toContain('Served by versions 3 and 4 of flight&lt;delay.')
    expect(page(candidate, [3, 4])).toMatch(/<th>version<\/th>.*<td>week 1<\/td><td>4<\/td>/s)
    expect(page(candidate, [3, 3])).not.toContain('<th>version</th>')
    expect(page(undefined, [3])).toContain('Served by version 3.')
    expect(page(candidate)).not.toContain('Served by')
  })
})

describe('the data section', () => {
  const data = {
    rowsRead: 2000,
    rejected: { count: 50, reasons: { 'delay: null': 10, '<i>distance</i>: negative': 40 } },
    parts: [
      { name: 'train', rows: 1500, positiveShare: 0.211 },
      { name: 'test', rows: 450 },
    ],
  }
  const page = htmlReport({ title: 't', time: 0, data })

  test('counts what was read, rejected and why, the commonest reason first', () => {
    expect(page).toContain('2,000 rows read, 50 rejected (2.50 %).')
    expect(page).toMatch(/&lt;i&gt;distance&lt;\/i&gt;: negative<\/td><td>40<.*delay: null<\/td><td>10</s)
  })

  test('shows the parts with their share of positive labels, where it is known', () => {
    expect(page).toContain('<td>train</td><td>1,500</td><td>76.9 %</td><td>21.1 %</td>')
    expect(page).toContain('<td>test</td><td>450</td><td>23.1 %</td><td>–</td>')
    const plain = htmlReport({ title: 't', time: 0, data: { rowsRead: 450, parts: [{ name: 'test', rows: 450 }] } })
    expect(plain).toContain('450 rows read.')
    expect(plain).not.toContain('positive labels')
    expect(htmlReport({ title: 't', time: 0, data: { rowsRead: 0, rejected: { count: 0, reasons: {} }, parts: [] } })).not.toContain('NaN')
  })
})

test('calibration is said in words, over all rows of its bins', () => {
  // (900 * 0.1 + 100 * 0.7) / 1000 and (900 * 0.12 + 100 * 0.66) / 1000
  expect(htmlReport(contents)).toContain('Over 1,000 rows the model predicts 16.0 %, observed are 17.4 %.')
})

test('a short figure of a tile is not broken, a long one may be', () => {
  const page = htmlReport({ title: 't', time: 0, facts: { rows: '3,000,000', code: 'a'.repeat(40) } })
  expect(page).toContain('<b class="short">3,000,000</b>')
  expect(page).toContain(`<b>${'a'.repeat(40)}</b>`)
  expect(page).toMatch(/\.tile b\.short\{white-space:nowrap\}/)
})

describe('names on the x axis', () => {
  const ticksOf = (names: readonly string[]) => {
    const points = names.map((_, index): [number, number] => [index + 1, index])
    const svg = lineChart({ title: 't', xLabel: 'period', yLabel: 'y', xNames: names, series: [{ name: 's', color: 1, points }] }).text
    return [...svg.matchAll(/<text class="tick" x="([\d.]+)" y="255"[^>]*>(?:<title>([^<]*)<\/title>)?([^<]*)</g)].map((match) => ({
      x: Number(match[1]),
      whole: match[2],
      text: match[3] ?? '',
    }))
  }

  test('are the labels of the periods in a chart of performance', () => {
    const page = htmlReport(contents)
    expect(page).toMatch(/<text class="tick"[^>]*>week 1<.*<text class="tick"[^>]*>week 2</s)
  })

  test('stand apart and inside the drawing, however many and long they are', () => {
    expect(ticksOf(['June 1–7', 'June 8–14', 'June 15–21', 'June 22–28', 'June 29–30']).map(({ text }) => text)).toHaveLength(5)
    for (const names of [['one'], Array.from({ length: 60 }, (_, index) => `2001-06-${index}`), ['x'.repeat(200), 'y', 'z']]) {
      const ticks = ticksOf(names)
      expect(ticks.length).toBeGreaterThan(0)
      ticks.forEach(({ x, text }, index) => {
        const half = (text.length * 6) / 2
        expect(x - half).toBeGreaterThan(0)
        expect(x + half).toBeLessThanOrEqual(420)
        const next = ticks[index + 1]
        if (next !== undefined) expect(next.x - (next.text.length * 6) / 2).toBeGreaterThan(x + half)
      })
    }
    expect(ticksOf(['x'.repeat(200), 'y', 'z'])[0]).toMatchObject({ whole: 'x'.repeat(200), text: `${'x'.repeat(13)}…` })
  })
})

test('a table that can be scrolled shows it without a script, and not on paper', () => {
  const page = htmlReport(contents)
  expect(page).toMatch(/\.scroll\{overflow-x:auto;background:linear-gradient[^}]*local[^}]*scroll\}/)
  expect(page).toMatch(/@media print\{.*background:none/)
})
