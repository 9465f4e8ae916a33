import type { ColumnVerdict } from '../monitor/verdict.ts'

/** What the monitors found in one period, such as a week. Parts that were not watched are left out. */
export interface MonitoringPeriod {
  readonly label: string
  readonly rows: number
  /** The version of the model that answered. */
  readonly servedVersion?: number
  readonly drift?: readonly ColumnVerdict[]
  /** Metrics on the rows whose labels have come, and what they were on the test part. */
  readonly performance?: {
    readonly labelledRows: number
    readonly metrics: Readonly<Record<string, number>>
    readonly reference: Readonly<Record<string, number>>
  }
  readonly operations?: {
    readonly requests: number
    readonly p50Ms: number
    readonly p99Ms: number
    readonly rowsPerSecond: number
    readonly failures: number
  }
  readonly actions?: { readonly flagged: number; readonly actedOn: number }
}
