/** What the running product is scaled by, so that it neither overflows nor underflows. */
const scaleExponent = 128
const scale = 2 ** scaleExponent

/**
 * P(D_n <= d), exact: the matrix power of Durbin in the form of Marsaglia, Tsang and Wang ("Evaluating Kolmogorov's distribution", Journal of
 * Statistical Software 8, 2003). The matrix has 2 ceil(n d) - 1 rows, so it is for small n d.
 */
export function kolmogorovByMatrix(d: number, n: number): number {
  const k = Math.ceil(n * d)
  const size = 2 * k - 1
  let power = startMatrix(size, k - n * d)
  let powerExponent = 0
  let product: Float64Array | undefined
  let exponent = 0
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) {
      product = product === undefined ? power.slice() : multiply(product, power, size)
      exponent += powerExponent
    }
    if (rest === 1) break
    power = multiply(power, power, size)
    powerExponent *= 2
    if ((power[(k - 1) * size + k - 1] as number) > scale) {
      for (let index = 0; index < power.length; index++) power[index] = (power[index] as number) / scale
      powerExponent += scaleExponent
    }
  }
  let probability = (product as Float64Array)[(k - 1) * size + k - 1] as number
  for (let i = 1; i <= n; i++) {
    probability *= i / n
    if (probability < 1 / scale) {
      probability *= scale
      exponent -= scaleExponent
    }
  }
  return probability * 2 ** exponent
}

function startMatrix(size: number, h: number): Float64Array {
  const matrix = new Float64Array(size * size)
  const inverseFactorial = new Float64Array(size + 1)
  inverseFactorial[0] = 1
  for (let j = 1; j <= size; j++) inverseFactorial[j] = (inverseFactorial[j - 1] as number) / j
  for (let row = 0; row < size; row++) {
    for (let column = 1; column <= Math.min(size - 1, row + 1); column++) {
      matrix[row * size + column] = inverseFactorial[row + 1 - column] as number
    }
  }
  for (let j = 0; j < size; j++) {
    const isCorner = j === size - 1
    const corner = isCorner ? Math.max(2 * h - 1, 0) ** size - 2 * h ** size : -(h ** (j + 1))
    const value = (1 + corner) * (inverseFactorial[j + 1] as number)
    matrix[j * size] = value
    matrix[(size - 1) * size + size - 1 - j] = value
  }
  return matrix
}

function multiply(left: Float64Array, right: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size)
  for (let row = 0; row < size; row++) {
    const target = product.subarray(row * size, (row + 1) * size)
    for (let inner = 0; inner < size; inner++) {
      const factor = left[row * size + inner] as number
      if (factor === 0) continue
      const source = inner * size
      for (let column = 0; column < size; column++) {
        target[column] = (target[column] as number) + factor * (right[source + column] as number)
      }
    }
  }
  return product
}
