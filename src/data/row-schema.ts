/**
 * What of a zod schema we need, by structure: the host's copy of zod may be another version than the one we were built with.
 * `Row` is what the schema puts out, `Wire` what it takes in.
 */
export interface RowSchema<out Row = unknown, out Wire = unknown> {
  readonly _zod: { readonly output: Row; readonly input: Wire; readonly def: { readonly type: string } }
}
