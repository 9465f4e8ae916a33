/** Sums over rows of log loss, its gradient and its Hessian in the weights (the intercept last). */
export class LogisticObjective {
  readonly gradient: Float64Array
  /** [size, size] row-major; only the lower triangle is filled. */
  readonly hessian: Float64Array
  readonly #features: number
  readonly #weights: Float64Array
  #loss = 0
  #rows = 0

  constructor(weights: Float64Array) {
    this.#weights = weights
    this.#features = weights.length - 1
    this.gradient = new Float64Array(weights.length)
    this.hessian = new Float64Array(weights.length ** 2)
  }

  /** Of the rows so far. */
  get meanLoss(): number {
    return this.#loss / this.#rows
  }

  get rows(): number {
    return this.#rows
  }

  add(features: Float32Array, labels: Float32Array, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const slope = this.#addLoss(features, row * this.#features, labels[row] as number)
      this.#addCurvature(features, row * this.#features, slope * (1 - slope))
    }
    this.#rows += rows
  }

  /** The loss alone, for the validation part. */
  addLosses(features: Float32Array, labels: Float32Array, rows: number): void {
    for (let row = 0; row < rows; row++) this.#addLoss(features, row * this.#features, labels[row] as number)
    this.#rows += rows
  }

  /** Means over the rows plus l2 / 2 times the squares of the weights, the intercept's apart; the mean objective comes back. */
  finish(l2: number): number {
    const size = this.#weights.length
    let penalty = 0
    for (let index = 0; index < size; index++) this.gradient[index] = (this.gradient[index] as number) / this.#rows
    for (let index = 0; index < size * size; index++) this.hessian[index] = (this.hessian[index] as number) / this.#rows
    for (let index = 0; index < this.#features; index++) {
      const weight = this.#weights[index] as number
      penalty += (l2 / 2) * weight * weight
      this.gradient[index] = (this.gradient[index] as number) + l2 * weight
      this.hessian[index * size + index] = (this.hessian[index * size + index] as number) + l2
    }
    return this.meanLoss + penalty
  }

  /** Adds the row's loss and gradient; its probability comes back. */
  #addLoss(features: Float32Array, start: number, label: number): number {
    const weights = this.#weights
    const intercept = this.#features
    let logit = weights[intercept] as number
    for (let index = 0; index < intercept; index++) logit += (weights[index] as number) * (features[start + index] as number)
    // log(1 + e^logit) - label * logit, without overflow on either side.
    const small = Math.exp(-Math.abs(logit))
    this.#loss += Math.max(logit, 0) - label * logit + Math.log1p(small)
    const probability = logit >= 0 ? 1 / (1 + small) : small / (1 + small)
    const error = probability - label
    for (let index = 0; index < intercept; index++) {
      this.gradient[index] = (this.gradient[index] as number) + error * (features[start + index] as number)
    }
    this.gradient[intercept] = (this.gradient[intercept] as number) + error
    return probability
  }

  #addCurvature(features: Float32Array, start: number, curvature: number): void {
    const hessian = this.hessian
    const intercept = this.#features
    const size = intercept + 1
    for (let row = 0; row < intercept; row++) {
      const scaled = curvature * (features[start + row] as number)
      // A one-hot row is mostly zeros.
      if (scaled === 0) continue
      const line = row * size
      for (let column = 0; column <= row; column++) {
        hessian[line + column] = (hessian[line + column] as number) + scaled * (features[start + column] as number)
      }
      hessian[intercept * size + row] = (hessian[intercept * size + row] as number) + scaled
    }
    const corner = size * size - 1
    hessian[corner] = (hessian[corner] as number) + curvature
  }
}
