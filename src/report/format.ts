/** `0.8061`, `12.3 %`, `1.2 s`: one way to write each kind of figure in a report. */
export function formatFigure(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return '–'
  if (value !== 0 && Math.abs(value) < 10 ** -digits) return value.toExponential(1)
  return value.toFixed(digits)
}

export function formatCount(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–'
}

export function formatShare(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : '–'
}

export function formatDuration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return '–'
  if (milliseconds < 1) return `${(milliseconds * 1000).toFixed(0)} µs`
  if (milliseconds < 1000) return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`
  if (milliseconds < 120_000) return `${(milliseconds / 1000).toFixed(1)} s`
  return `${(milliseconds / 60_000).toFixed(1)} min`
}

/** A p-value: never printed as plain 0. */
export function formatPValue(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (value === 0) return '< 1e-300'
  return value < 0.001 ? value.toExponential(0) : value.toFixed(3)
}

/** UTC, to the minute. */
export function formatMoment(time: number): string {
  return Number.isFinite(time) ? `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC` : '–'
}
