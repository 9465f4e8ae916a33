import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'

/** When verdicts by window become an alarm: `detect` of the last `of` windows drifted. It is cleared by `clear` windows in a row without drift. */
export interface HysteresisOptions {
  /** Default 2. */
  readonly detect?: number
  /** Default 3. */
  readonly of?: number
  /** Default 2. */
  readonly clear?: number
  /** Windows after an alarm was cleared in which none is raised; default 1. */
  readonly coolDown?: number
}

export interface HysteresisState {
  readonly recent: readonly boolean[]
  readonly alarm: boolean
  readonly clean: number
  readonly cooling: number
}

/** Alarm or not of one column: a single odd window does not raise it, a single good one does not clear it. */
export class Hysteresis {
  readonly #detect: number
  readonly #of: number
  readonly #clear: number
  readonly #coolDown: number
  #recent: boolean[] = []
  #alarm = false
  #clean = 0
  #cooling = 0

  constructor(options: HysteresisOptions, state?: HysteresisState) {
    const { detect, of, clear, coolDown } = checkHysteresis(options)
    this.#detect = detect
    this.#of = of
    this.#clear = clear
    this.#coolDown = coolDown
    if (state === undefined) return
    this.#recent = [...state.recent]
    this.#alarm = state.alarm
    this.#clean = state.clean
    this.#cooling = state.cooling
  }

  get alarm(): boolean {
    return this.#alarm
  }

  /** The verdict of the next window; tells when the alarm changes. */
  update(drifted: boolean): 'detected' | 'cleared' | undefined {
    this.#recent.push(drifted)
    if (this.#recent.length > this.#of) this.#recent.shift()
    if (this.#alarm) {
      this.#clean = drifted ? 0 : this.#clean + 1
      if (this.#clean < this.#clear) return undefined
      this.#alarm = false
      this.#recent = []
      this.#cooling = this.#coolDown
      return 'cleared'
    }
    if (this.#cooling > 0) {
      this.#cooling--
      return undefined
    }
    if (this.#recent.filter(Boolean).length < this.#detect) return undefined
    this.#alarm = true
    this.#clean = 0
    return 'detected'
  }

  toJSON(): Json {
    return { recent: [...this.#recent], alarm: this.#alarm, clean: this.#clean, cooling: this.#cooling }
  }
}

/** With the defaults filled in. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function checkHysteresis(options: HysteresisOptions): Required<HysteresisOptions> {
  const of = options.of ?? Math.max(3, options.detect ?? 0)
  const { detect = Math.min(2, of), clear = 2, coolDown = 1 } = options
  const whole = (value: number, least: number): boolean => Number.isInteger(value) && value >= least
  if (whole(detect, 1) && whole(of, detect) && whole(clear, 1) && whole(coolDown, 0)) return { detect, of, clear, coolDown }
  const expected = 'whole numbers with 1 <= detect <= of, clear >= 1 and coolDown >= 0'
  const received = JSON.stringify({ detect, of, clear, coolDown })
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected hysteresis to be ${expected}. Received ${received}.`,
    details: { argument: 'hysteresis', expected, received },
  })
}
