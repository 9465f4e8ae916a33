/** What a column holds, as the library distinguishes it. `time` is a moment in milliseconds since 1970 UTC. */
export type ColumnKind = 'number' | 'integer' | 'boolean' | 'text' | 'time'

/** Name, kind and whether null may occur: what a schema says of a column, what a dataset's manifest and a model's signature record. */
export interface ColumnType {
  readonly name: string
  readonly kind: ColumnKind
  readonly nullable: boolean
}
