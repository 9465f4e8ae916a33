import type { DeploymentMetadata } from './deployment-options.ts'
import type { ServingStatistics } from './serving-statistics.ts'

interface Measured {
  readonly metadata: DeploymentMetadata
  stats(): ServingStatistics
}

/** The counts of deployments in the text format of Prometheus, version 0.0.4. */
export function metricsText(deployments: readonly Measured[]): string {
  const measured = deployments.map((deployment) => {
    const { metadata } = deployment
    return { label: `model="${escapeLabel(metadata.model)}"`, metadata, stats: deployment.stats() }
  })
  const counter = (name: string, help: string, value: (stats: ServingStatistics) => number): string[] => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} counter`,
    ...measured.map(({ label, stats }) => `${name}{${label}} ${value(stats)}`),
  ]
  const lines = [
    ...counter('millrace_requests_total', 'Calls that were answered.', (stats) => stats.requests),
    ...counter('millrace_rows_total', 'Rows that were answered.', (stats) => stats.rows),
    ...counter('millrace_rejected_total', 'Calls that were refused because of what they asked.', (stats) => stats.rejected),
    ...counter('millrace_errors_total', 'Calls that failed.', (stats) => stats.errors),
    '# HELP millrace_latency_seconds Duration of answered calls since start.',
    '# TYPE millrace_latency_seconds summary',
    ...measured.flatMap(({ label, stats }) =>
      [
        [0.5, stats.p50Ms],
        [0.99, stats.p99Ms],
      ].flatMap(([quantile, ms]) => (ms === undefined ? [] : [`millrace_latency_seconds{${label},quantile="${quantile}"} ${ms / 1000}`])),
    ),
    ...measured.map(({ label, stats }) => `millrace_latency_seconds_count{${label}} ${stats.requests}`),
    '# HELP millrace_model_version The version that is served.',
    '# TYPE millrace_model_version gauge',
    ...measured.map(({ label, metadata }) => `millrace_model_version{${label}} ${metadata.version}`),
  ]
  return `${lines.join('\n')}\n`
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
