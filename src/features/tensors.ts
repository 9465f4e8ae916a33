/** Named tensors, row-major, first dimension rows: one matrix for most models, indices beside numbers for embeddings. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array
}
export type Tensors = Readonly<Record<string, Tensor>>

/** Shape of one row (without the first dimension) and what each number in it is. */
export interface TensorSpec {
  readonly shape: readonly number[]
  readonly type: 'float32' | 'int32'
  readonly featureNames: readonly string[]
}
