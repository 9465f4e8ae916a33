/** The element-wise functions of a dense layer, under the names and with the constants that Keras and TensorFlow.js give them. */
export const activationNames = ['elu', 'linear', 'relu', 'selu', 'sigmoid', 'softplus', 'tanh'] as const
export type Activation = (typeof activationNames)[number]

export function isActivation(value: unknown): value is Activation {
  return (activationNames as readonly unknown[]).includes(value)
}

/** Klambauer et al., "Self-Normalizing Neural Networks" (2017). */
const seluScale = 1.0507009873554805
const seluAlpha = 1.6732632423543772

/** Applies the function to the first `length` values, in place. */
export function activate(name: Activation, values: Float64Array, length: number): void {
  switch (name) {
    case 'linear':
      return
    case 'relu':
      // A comparison, not Math.max: NaN must stay NaN, so that a broken model is seen.
      for (let index = 0; index < length; index++) if ((values[index] as number) < 0) values[index] = 0
      return
    case 'sigmoid':
      for (let index = 0; index < length; index++) values[index] = 1 / (1 + Math.exp(-(values[index] as number)))
      return
    case 'tanh':
      for (let index = 0; index < length; index++) values[index] = Math.tanh(values[index] as number)
      return
    case 'elu':
      for (let index = 0; index < length; index++) {
        const value = values[index] as number
        if (value < 0) values[index] = Math.expm1(value)
      }
      return
    case 'selu':
      for (let index = 0; index < length; index++) {
        const value = values[index] as number
        values[index] = seluScale * (value < 0 ? seluAlpha * Math.expm1(value) : value)
      }
      return
    case 'softplus':
      for (let index = 0; index < length; index++) {
        const value = values[index] as number
        // Past 30 the two agree to the last bit, and exp would overflow later on.
        if (value < 30) values[index] = Math.log1p(Math.exp(value))
      }
      return
  }
}
