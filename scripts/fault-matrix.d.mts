export interface FaultMatrixRow {
  readonly row: number
  readonly fault: string
  readonly component: string
  readonly expected: string
}
export interface RowClaim {
  readonly row: number
  readonly file: string
  readonly name: string
}
export const lastRequiredRow: number
export const faultMatrix: readonly FaultMatrixRow[]
export function rowOf(...names: readonly string[]): number | undefined
export function claimedRows(): readonly RowClaim[]
export function projectOf(file: string): string
