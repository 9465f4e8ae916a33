export type { ExampleSourceOptions } from './example-source.ts'
export { exampleSource } from './example-source.ts'
export type { TrainOptions } from './train.ts'
export { train } from './train.ts'
