import { type Markup, markup } from './markup.ts'

export interface Series {
  readonly name: string
  /** `[x, y]`, ascending x; points that are not finite are left out. */
  readonly points: readonly (readonly [number, number])[]
  /** 1 to 4: the style sheet's series colours; 0 is the muted colour of reference lines. */
  readonly color: 0 | 1 | 2 | 3 | 4
  readonly dashed?: boolean
  readonly dots?: boolean
}

export interface LineChartOptions {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: readonly Series[]
  readonly x?: readonly [number, number]
  readonly y?: readonly [number, number]
  /** Whole numbers only on the x axis: epochs, weeks. */
  readonly wholeX?: boolean
  /** Names of x = 1, 2, 3 ... in place of numbers, such as periods; where they have no room, some are left out and long ones cut. */
  readonly xNames?: readonly string[]
}

const size = { width: 420, height: 280, left: 54, right: 14, top: 12, bottom: 42 } as const

/**
 * A static SVG: no script, readable by a screen reader through its title.
 *
 * @example
 * const series = [{ name: 'training', color: 1, points: [[1, 0.52], [2, 0.49]] }] as const
 * lineChart({ title: 'Loss', xLabel: 'epoch', yLabel: 'log loss', series, wholeX: true }).text.startsWith('<figure>') // true
 */
export function lineChart(options: LineChartOptions): Markup {
  const all = options.series.flatMap((series) => series.points.filter(isFinitePoint))
  if (all.length === 0) return markup`<p class="empty">${options.title}: nothing to draw.</p>`
  const x = widened(options.x ?? rangeOfNames(options.xNames) ?? extent(all.map((point) => point[0])))
  const y = options.y === undefined ? padded(widened(extent(all.map((point) => point[1])))) : widened(options.y)
  const toX = scale(x, size.left, size.width - size.right)
  const toY = scale(y, size.height - size.bottom, size.top)
  return markup`<figure><figcaption>${options.title}</figcaption>
<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${options.title}">
${ticks(y, 5).map((tick) => markup`<line class="grid" x1="${size.left}" x2="${size.width - size.right}" y1="${place(toY(tick))}" y2="${place(toY(tick))}"/><text class="tick" x="${size.left - 7}" y="${place(toY(tick) + 4)}" text-anchor="end">${tickText(tick)}</text>`)}
${xTicks(options, x).map(({ at, text, whole }) => markup`<text class="tick" x="${place(toX(at))}" y="${size.height - size.bottom + 17}" text-anchor="middle">${whole === undefined ? undefined : markup`<title>${whole}</title>`}${text}</text>`)}
<line class="axis" x1="${size.left}" x2="${size.width - size.right}" y1="${size.height - size.bottom}" y2="${size.height - size.bottom}"/>
<text class="label" x="${(size.left + size.width - size.right) / 2}" y="${size.height - 6}" text-anchor="middle">${options.xLabel}</text>
<text class="label" transform="translate(13 ${(size.top + size.height - size.bottom) / 2}) rotate(-90)" text-anchor="middle">${options.yLabel}</text>
${options.series.map((series) => drawSeries(series, toX, toY))}
</svg>${legend(options.series)}</figure>`
}

function drawSeries(series: Series, toX: (value: number) => number, toY: (value: number) => number): Markup {
  const points = series.points.filter(isFinitePoint).map(([x, y]) => `${place(toX(x))},${place(toY(y))}`)
  const line = markup`<polyline class="series s${series.color}${series.dashed === true ? ' dashed' : ''}" points="${points.join(' ')}"/>`
  if (series.dots !== true) return line
  return markup`${line}${points.map((point) => markup`<circle class="dot s${series.color}" cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3"/>`)}`
}

function legend(series: readonly Series[]): Markup {
  return markup`<p class="legend">${series.filter((one) => one.points.some(isFinitePoint)).map((one) => markup`<span class="key s${one.color}${one.dashed === true ? ' dashed' : ''}"></span>${one.name} `)}</p>`
}

function isFinitePoint(point: readonly [number, number]): boolean {
  return Number.isFinite(point[0]) && Number.isFinite(point[1])
}

function extent(values: readonly number[]): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return [low, high]
}

function widened([low, high]: readonly [number, number]): readonly [number, number] {
  if (low < high) return [low, high]
  // Half on either side, or as much as a large number can tell apart.
  const margin = Math.max(0.5, Math.abs(low) * 1e-6)
  return [low - margin, high + margin]
}

function padded([low, high]: readonly [number, number]): readonly [number, number] {
  const margin = (high - low) * 0.08
  return [low - margin, high + margin]
}

function scale([low, high]: readonly [number, number], from: number, to: number): (value: number) => number {
  return (value) => from + ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (to - from)
}

/** Round steps of 1, 2 or 5 times a power of ten. */
function ticks([low, high]: readonly [number, number], wanted: number, whole = false): number[] {
  const rough = (high - low) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = Math.max(
    [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.75) as number,
    whole ? 1 : 0,
  )
  const first = Math.ceil(low / step - 1e-9)
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step)
}

const longestName = 14
/** Of a letter of the tick's font and of the space between two names, in the drawing's units. */
const [letterWidth, nameSpace] = [6.2, 8]

/** Half a step on either side, so that the first and the last name have room. */
function rangeOfNames(names: readonly string[] | undefined): readonly [number, number] | undefined {
  return names === undefined || names.length === 0 ? undefined : [0.5, names.length + 0.5]
}

function xTicks({ xNames, wholeX }: LineChartOptions, range: readonly [number, number]): readonly Tick[] {
  if (xNames === undefined) return ticks(range, 6, wholeX).map((at) => ({ at, text: tickText(at) }))
  const shown = xNames.map((name): Omit<Tick, 'at'> => {
    const letters = [...name]
    return letters.length <= longestName ? { text: name } : { text: `${letters.slice(0, longestName - 1).join('')}…`, whole: name }
  })
  const widest = Math.max(0, ...shown.map(({ text }) => text.length)) * letterWidth + nameSpace
  const every = Math.max(1, Math.ceil((shown.length * widest) / (size.width - size.left - size.right)))
  return shown.map((name, index) => ({ at: index + 1, ...name })).filter((_, index) => index % every === 0)
}

interface Tick {
  readonly at: number
  readonly text: string
  /** Where the text is cut. */
  readonly whole?: string
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(6)))
}

function place(value: number): string {
  return value.toFixed(1)
}
