/**
 * Solves A x = b for a symmetric positive definite A by its Cholesky factor, in place of a copy; undefined when A is not positive definite.
 *
 * Shape: `matrix` is [size, size] row-major, of which the lower triangle is read.
 */
export function solveSymmetric(matrix: Float64Array, right: Float64Array): Float64Array | undefined {
  const size = right.length
  const factor = matrix.slice()
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = factor[row * size + column] as number
      for (let index = 0; index < column; index++) {
        sum -= (factor[row * size + index] as number) * (factor[column * size + index] as number)
      }
      if (row !== column) factor[row * size + column] = sum / (factor[column * size + column] as number)
      else if (sum > 0) factor[row * size + row] = Math.sqrt(sum)
      else return undefined
    }
  }
  const solution = right.slice()
  for (let row = 0; row < size; row++) {
    let sum = solution[row] as number
    for (let column = 0; column < row; column++) sum -= (factor[row * size + column] as number) * (solution[column] as number)
    solution[row] = sum / (factor[row * size + row] as number)
  }
  for (let row = size - 1; row >= 0; row--) {
    let sum = solution[row] as number
    for (let below = row + 1; below < size; below++) sum -= (factor[below * size + row] as number) * (solution[below] as number)
    solution[row] = sum / (factor[row * size + row] as number)
  }
  return solution
}
