/**
 * The step {@link train}: gives a learner the prepared examples, batch by batch, and stores the model. Learners are in `millrace/learners` and `millrace/tfjs`.
 *
 * @module millrace/train
 */

export type { ExampleSourceOptions } from './example-source.ts'
export { exampleSource } from './example-source.ts'
export type { TrainOptions } from './train.ts'
export { train } from './train.ts'
