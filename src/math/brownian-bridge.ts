import { normal } from './distributions.ts'
import { gaussLegendre } from './quadrature.ts'

/** What may be left out of the probability, relative to it: its logarithm. */
const negligible = 34
/** Times nearer than this are one. */
const leastGap = 1e-9
/** Width of a panel of the grid in units of the narrower kernel that meets there: sixteen nodes then leave an error under 1e-11. */
const panelWidth = 4
const order = 16
const rule = /* @__PURE__ */ gaussLegendre(order)

/** Density of the paths still inside at one time, on the nodes of a grid over [least, bound]; the other half is its mirror image. */
interface Inside {
  readonly nodes: Float64Array
  readonly weights: Float64Array
  readonly density: Float64Array
}

/**
 * P(max over `times` of |B(t)| >= bound) for a Brownian bridge B on [0, 1]: the null distribution of the two-sample Kolmogorov-Smirnov
 * statistic sqrt(nm / (n+m)) sup |F - G| when F and G are known only at frozen edges, `times` being the pooled shares at or under them.
 *
 * With many edges it tends to {@link kolmogorovLimitSf} from below, slowly: with 20 bins the limit says 0.098 where the p-value is 0.05,
 * which is why the binned statistic needs a null of its own. The bridge is Markov, so the density of the paths that have stayed inside is
 * carried from time to time (Chapman and Kolmogorov) on Gauss-Legendre panels, and what leaves is added up; all terms are positive, so the
 * relative error, about 1e-10, holds in the tail too.
 *
 * `times` ascend; those outside (0, 1) do not count. Without any the answer is 0 for a positive bound.
 *
 * @example
 * brownianBridgeSf(1, [0.5]) // about 0.0455
 */
export function brownianBridgeSf(bound: number, times: ArrayLike<number>): number {
  if (!(bound > 0)) return 1
  const t = relevantTimes(bound, times)
  const count = t.length
  if (count === 0) return 0
  const likeliest = Math.max(...t.map((time) => time * (1 - time)))
  // Carried as a multiple of exp(-shift), so that the tail does not underflow on the way.
  const shift = (bound * bound) / (2 * likeliest)
  if (shift > 690) return 2 * normal.sf(bound / Math.sqrt(likeliest))
  const first = t[0] as number
  let previous = Math.sqrt(first * (1 - first))
  let left = 2 * normal.sf(bound / previous) * Math.exp(shift)
  let inside: Inside | undefined
  for (let i = 1; i < count; i++) {
    const from = t[i - 1] as number
    const to = t[i] as number
    const pull = (1 - to) / (1 - from)
    const spread = Math.sqrt((to - from) * pull)
    const grid = gridOver(leastRelevant(bound, t, i - 1), bound, Math.min(previous, spread / pull))
    const density = inside === undefined ? startDensity(grid.nodes, first, shift) : carried(inside, grid.nodes, kernelAt(t, i - 1, bound))
    inside = { ...grid, density }
    left += leaving(inside, pull, spread, bound)
    previous = spread
  }
  return Math.min(1, left * Math.exp(-shift))
}

/** Drops times at which the bridge leaves so seldom that all of them together do not matter (the union bound), and doubles. */
function relevantTimes(bound: number, times: ArrayLike<number>): readonly number[] {
  const inner: number[] = []
  for (let index = 0; index < times.length; index++) {
    const time = times[index] as number
    if (time > leastGap && time < 1 - leastGap && time - (inner.at(-1) ?? 0) > leastGap) inner.push(time)
  }
  const cost = inner.map((time) => (bound * bound) / (2 * time * (1 - time)))
  const least = Math.min(...cost)
  return inner.filter((_, index) => (cost[index] as number) - least < negligible + Math.log(inner.length))
}

/** Paths lower than this at time i hardly leave later: eight standard deviations under the straight line to each later exit. */
function leastRelevant(bound: number, t: readonly number[], i: number): number {
  const time = t[i] as number
  let least = bound
  for (let j = i + 1; j < t.length; j++) {
    const exit = t[j] as number
    least = Math.min(least, (bound * time) / exit - 8.5 * Math.sqrt((time * (exit - time)) / exit))
  }
  return Math.max(0, least)
}

function gridOver(least: number, bound: number, scale: number): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  const panels = Math.max(1, Math.ceil((bound - least) / (panelWidth * scale)))
  const width = (bound - least) / panels
  const nodes = new Float64Array(panels * order)
  const weights = new Float64Array(panels * order)
  for (let panel = 0; panel < panels; panel++) {
    for (let k = 0; k < order; k++) {
      nodes[panel * order + k] = least + width * (panel + (1 + (rule.nodes[k] as number)) / 2)
      weights[panel * order + k] = ((rule.weights[k] as number) * width) / 2
    }
  }
  return { nodes, weights }
}

function startDensity(nodes: Float64Array, time: number, shift: number): Float64Array {
  const variance = time * (1 - time)
  return nodes.map((x) => Math.exp(shift - (x * x) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance))
}

interface Kernel {
  readonly pull: number
  readonly spread: number
  /** Moves of more standard deviations than this do not matter, the pull towards an exit included. */
  readonly reach: number
}

function kernelAt(t: readonly number[], i: number, bound: number): Kernel {
  const from = t[i - 1] as number
  const to = t[i] as number
  const pull = (1 - to) / (1 - from)
  const spread = Math.sqrt((to - from) * pull)
  return { pull, spread, reach: 9 + (bound * (to - from)) / (from * spread) }
}

/** One step of Chapman and Kolmogorov: the bridge from x has mean `pull` x and standard deviation `spread`; paths from -x count as well. */
function carried(inside: Inside, nodes: Float64Array, { pull, spread, reach }: Kernel): Float64Array {
  const { length } = inside.nodes
  const mass = new Float64Array(length)
  const mean = new Float64Array(length)
  const norm = 1 / (spread * Math.sqrt(2 * Math.PI))
  for (let k = 0; k < length; k++) {
    mass[k] = (inside.weights[k] as number) * (inside.density[k] as number) * norm
    mean[k] = ((inside.nodes[k] as number) * pull) / spread
  }
  const density = new Float64Array(nodes.length)
  let start = 0
  for (let index = 0; index < nodes.length; index++) {
    const y = (nodes[index] as number) / spread
    while (start < length && (mean[start] as number) < y - reach) start++
    let sum = 0
    for (let k = start; k < length; k++) {
      const move = y - (mean[k] as number)
      if (move < -reach) break
      sum += (mass[k] as number) * Math.exp((-move * move) / 2)
    }
    for (let k = 0; k < length; k++) {
      const move = y + (mean[k] as number)
      if (move > reach) break
      sum += (mass[k] as number) * Math.exp((-move * move) / 2)
    }
    density[index] = sum
  }
  return density
}

/** Mass that is outside at the next time, from both halves. */
function leaving(inside: Inside, pull: number, spread: number, bound: number): number {
  let sum = 0
  for (let k = 0; k < inside.nodes.length; k++) {
    const mean = (inside.nodes[k] as number) * pull
    const outside = normal.sf((bound - mean) / spread) + normal.sf((bound + mean) / spread)
    sum += (inside.weights[k] as number) * (inside.density[k] as number) * outside
  }
  return 2 * sum
}
