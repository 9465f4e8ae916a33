export interface QuadratureRule {
  readonly nodes: Float64Array
  readonly weights: Float64Array
}

/**
 * Gauss-Legendre nodes (ascending) and weights on [-1, 1]: exact for polynomials up to degree 2 `order` - 1. Newton on the Legendre recurrence.
 *
 * @example
 * const { nodes, weights } = gaussLegendre(3)
 * nodes.reduce((sum, node, index) => sum + (weights[index] ?? 0) * node ** 4, 0) // about 0.4
 */
export function gaussLegendre(order: number): QuadratureRule {
  const nodes = new Float64Array(order)
  const weights = new Float64Array(order)
  for (let index = 0; index < order; index++) {
    let x = -Math.cos((Math.PI * (index + 0.75)) / (order + 0.5))
    let slope = 0
    for (let step = 0; step < 100; step++) {
      let before = 1
      let value = x
      for (let degree = 2; degree <= order; degree++) {
        const next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree
        before = value
        value = next
      }
      slope = (order * (x * value - before)) / (x * x - 1)
      const move = value / slope
      x -= move
      if (Math.abs(move) < 1e-16) break
    }
    nodes[index] = x
    weights[index] = 2 / ((1 - x * x) * slope * slope)
  }
  return { nodes, weights }
}
