/**
 * {@link htmlReport}: what steps and monitors made, as one self-contained HTML page.
 *
 * @module millrace/report
 */

export type { DataPart, DataSummary } from './data-summary.ts'
export type { ReportContents } from './html-report.ts'
export { htmlReport } from './html-report.ts'
export type { LineChartOptions, Series } from './line-chart.ts'
export { lineChart } from './line-chart.ts'
export type { Content } from './markup.ts'
export { Markup, markup } from './markup.ts'
export type { MonitoringPeriod } from './monitoring-period.ts'
export type { ReportModel } from './report-model.ts'
