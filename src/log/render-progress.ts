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
const narrowestBar = 10
/** Of a count with three figures and a letter, such as `1.25k`, and of a time under an hour. */
const usualWidth = 5

/**
 * One line of progress of at most `columns` characters. A bar of at least ten is kept as long as the time fits beside it: what has no room is left out,
 * first the unit of the rate, then the figures from the first on, then the rate, then the count. What changes while a task runs has a fixed width,
 * so that the bar does not jump from one drawing to the next. Pure.
 *
 * @example
 * const view = { task: 'train', done: 1500, total: 3000, unit: 'rows', perSecond: 412_000, secondsLeft: 72, elapsedSeconds: 9 }
 * renderProgress(view, 80) // 'train  [############------------]   50%   1.5k/3k rows   412k rows/s   1:12 left'
 */
export function renderProgress(view: ProgressView, columns: number): string {
  const { done, total } = view
  const share = total === undefined || !(total > 0) ? undefined : Math.min(1, Math.max(0, done / total))
  const head = oneLine(view.task)
  const percent = share === undefined ? '' : `${String(Math.floor(share * 100)).padStart(3)}%`
  const tails = tailsOf(view, share !== undefined).map((parts) => [percent, ...parts].filter((part) => part !== '').join('  '))
  const roomBeside = (tail: string): number => columns - head.length - tail.length - 2
  if (share !== undefined) {
    const tail = tails.find((one) => roomBeside(one) >= narrowestBar + 4)
    if (tail !== undefined) return `${head}  ${bar(share, Math.min(widestBar, roomBeside(tail) - 4))}  ${tail}`.trimEnd()
  }
  const tail = [...tails, percent].find((one) => one !== '' && roomBeside(one) >= 0)
  return tail === undefined ? head.slice(0, Math.max(0, columns)) : `${head}  ${tail}`.trimEnd()
}

/** What may stand behind the bar, from the most to the least. */
function tailsOf(view: ProgressView, steady: boolean): readonly (readonly string[])[] {
  const { done, total, unit, perSecond, finished } = view
  const wide = (text: string, width: number = usualWidth): string => (steady ? text.padStart(width) : text)
  const suffix = unit === undefined ? '' : ` ${unit}`
  const doneWidth = total === undefined || total >= 1000 ? usualWidth : formatCount(total).length
  const count =
    total === undefined ? `${formatCount(done)}${suffix}` : `${wide(formatCount(done), doneWidth)}/${formatCount(total)}${suffix}`
  const rateIn = (rateUnit: string): string => {
    const end = `${rateUnit}/s`
    if (perSecond !== undefined) return `${wide(formatCount(perSecond))}${end}`
    // Its place is kept until it is known.
    return steady && finished !== true ? ' '.repeat(usualWidth + end.length) : ''
  }
  const figures = Object.entries(view.fields ?? {}).map(([name, value]) => `${name} ${wide(formatFigure(value), figureWidth(value))}`)
  const time = timeOf(view, wide)
  const withRates = Array.from({ length: figures.length + 1 }, (_, dropped) => figures.slice(dropped)).flatMap((kept) => [
    [count, rateIn(suffix), ...kept, time],
    [count, rateIn(''), ...kept, time],
  ])
  return [...withRates, [count, time], steady ? [time] : [count]]
}

function timeOf({ secondsLeft, elapsedSeconds, finished }: ProgressView, wide: (text: string) => string): string {
  if (finished === true) return `in ${formatDuration(elapsedSeconds)}`
  if (secondsLeft !== undefined) return `${wide(formatDuration(secondsLeft))} left`
  const elapsed = wide(formatDuration(elapsedSeconds))
  return elapsed.padEnd(elapsed.length > formatDuration(elapsedSeconds).length ? elapsed.length + ' left'.length : 0)
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

/** Four figures, also where the last are zeros, since a figure's width must not depend on its value. */
function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Number.isInteger(value)) return String(Number(value.toPrecision(4)))
  return value.toPrecision(4)
}

function figureWidth(value: number): number {
  return Number.isInteger(value) ? 0 : '0.1234'.length
}

function bar(share: number, width: number): string {
  const filled = Math.floor(share * width)
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
}

/** A name must not end the line or move the cursor. */
function oneLine(text: string): string {
  return text.replaceAll(controlCharacters, ' ')
}
