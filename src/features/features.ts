import type { TimePart } from './time-part.ts'
import type { AnyTransform, Transform } from './transform.ts'

/** The columns of a row that hold moments. */
export type TimeColumnOf<Row> = { [Key in keyof Row & string]: Row[Key] extends Date | null ? Key : never }[keyof Row & string]

/**
 * One category made of several columns, such as a route of origin and destination. A number counts as the category of its value; of a
 * moment, name the part.
 *
 * @example
 * const crosses = { 'origin-hour': { of: ['origin', { time: 'date', part: 'hour' }], as: targetEncode() } } as const
 * pipeline.pipe(prepare({ target: 'late', features: {}, crosses }))
 */
export interface Cross<Row> {
  readonly of: readonly ((keyof Row & string) | { readonly time: TimeColumnOf<Row>; readonly part: TimePart })[]
  readonly as: Transform<string | null, number>
}

/** By column, the transforms that make features of it; an array is several side by side. The target is not among them. */
export type Features<Row, Target> = {
  [Key in Exclude<keyof Row, Target>]?: Transform<Row[Key], number> | readonly Transform<Row[Key], number>[]
}

/** {@link Features} without its types: what fitting reads. */
export type UntypedFeatures = Readonly<Record<string, AnyTransform | readonly AnyTransform[] | undefined>>

/** {@link Cross} without its types. */
export interface UntypedCross {
  readonly of: readonly CrossPart[]
  readonly as: AnyTransform
}
/** A column as it is, or a part of a column of moments. */
export type CrossPart = string | { readonly time: string; readonly part: TimePart }
