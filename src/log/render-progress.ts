import { controlCharacters } from './control-characters.ts'

/** What one line of progress shows. */
export interface ProgressView {
  readonly task: string
  readonly done: number
  readonly total?: number
  /** What is counted, such as `rows`. */
  readonly unit?: string
  /** Of the unit; absent while it is not known. */
  readonly perSecond?: number
  /** Absent while it is not known. */
  readonly secondsLeft?: number
  readonly elapsedSeconds: number
  /** Figures beside it, such as the loss. */
  readonly fields?: Readonly<Record<string, number>>
  /** Whether the task has ended: then the time it took is shown, not the time left. */
  readonly finished?: boolean
}

const widestBar = 24
const narrowestBar = 5

/**
 * One line of progress of at most `columns` characters. The bar takes what room is left; what does not fit is left out, the fields first, then the rate.
 * Pure.
 *
 * @example
 * const view = { task: 'train', done: 1500, total: 3000, unit: 'rows', perSecond: 412_000, secondsLeft: 72, elapsedSeconds: 9 }
 * renderProgress(view, 80) // 'train  [############------------]   50%  1.5k/3k rows  412k rows/s  1:12 left'
 */
export function renderProgress(view: ProgressView, columns: number): string {
  const { task, done, total, unit, perSecond, secondsLeft, elapsedSeconds, fields, finished } = view
  const suffix = unit === undefined ? '' : ` ${unit}`
  const share = total === undefined || !(total > 0) ? undefined : Math.min(1, Math.max(0, done / total))
  const count = total === undefined ? `${formatCount(done)}${suffix}` : `${formatCount(done)}/${formatCount(total)}${suffix}`
  const rate = perSecond === undefined ? '' : `${formatCount(perSecond)}${suffix}/s`
  const figures = Object.entries(fields ?? {}).map(([name, value]) => `${name} ${formatFigure(value)}`)
  const time =
    finished === true
      ? `in ${formatDuration(elapsedSeconds)}`
      : secondsLeft === undefined
        ? formatDuration(elapsedSeconds)
        : `${formatDuration(secondsLeft)} left`
  const percent = share === undefined ? '' : `${String(Math.floor(share * 100)).padStart(3)}%`
  const head = oneLine(task)
  for (const parts of [
    [count, rate, ...figures, time],
    [count, rate, time],
    [percent === '' ? count : '', time],
    [percent === '' ? count : ''],
  ]) {
    const tail = [percent, ...parts].filter((part) => part !== '').join('  ')
    const room = columns - head.length - tail.length - 2
    if (share !== undefined && room >= narrowestBar + 4) return `${head}  ${bar(share, Math.min(widestBar, room - 4))}  ${tail}`
    if (room >= 0) return `${head}  ${tail}`
  }
  return head.slice(0, Math.max(0, columns))
}

/** Three figures and a unit: `950`, `1.25k`, `3M`. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const steps = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const
  for (const [size, letter] of steps) {
    // 999,950 would round to 1000k.
    if (Math.abs(value) >= size * 0.9995) return `${Number((value / size).toPrecision(3))}${letter}`
  }
  return String(Number(value.toPrecision(3)))
}

/** `0:07`, `12:34`, `1:02:03`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number): string => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

function formatFigure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value)
}

function bar(share: number, width: number): string {
  const filled = Math.floor(share * width)
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
}

/** A name must not end the line or move the cursor. */
function oneLine(text: string): string {
  return text.replaceAll(controlCharacters, ' ')
}
