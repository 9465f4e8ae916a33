import { linearRegression } from 'simple-statistics'
import { formatFigure } from './format.ts'

/** Through fewer points a line says nothing. */
const leastPoints = 3

export interface Trend {
  /** Change of the value from one period to the next. */
  readonly slope: number
  /** The line's two ends. */
  readonly points: readonly (readonly [number, number])[]
  /** Such as `−0.0021 a period over 5 periods`. */
  readonly words: string
}

/**
 * The least-squares line through `[period, value]`; values that are not finite are left out. Undefined of fewer than three. It describes the periods
 * that there were: whether it will go on is not in it.
 */
export function trendOf(points: readonly (readonly [number, number])[]): Trend | undefined {
  const known = points.filter(([period, value]) => Number.isFinite(period) && Number.isFinite(value))
  const [first, last] = [known[0], known.at(-1)]
  if (known.length < leastPoints || first === undefined || last === undefined) return undefined
  const { m: slope, b: intercept } = linearRegression(known.map(([period, value]) => [period, value]))
  const sign = slope < 0 ? '−' : '+'
  return {
    slope,
    points: [first, last].map(([period]): [number, number] => [period, intercept + slope * period]),
    words: `${sign}${formatFigure(Math.abs(slope))} a period over ${known.length} periods`,
  }
}
