import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/error.ts'
import { Events } from '../core/events.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { PredictionRecordKind } from '../log/prediction-log.ts'
import type { DeploymentEvent } from './deployment-event.ts'

type EventBody<Event> = Event extends unknown ? Omit<Event, 'time' | 'model'> : never

/** Tells of what happens to a deployment beside its answers: to the listeners, and in the host's log. */
export class Reporter {
  readonly #model: string
  readonly #clock: Clock
  readonly #logger: LogTarget | undefined
  readonly #events: Events<DeploymentEvent>

  constructor(model: string, clock: Clock, logger: LogTarget | undefined) {
    this.#model = model
    this.#clock = clock
    this.#logger = logger
    this.#events = new Events({
      onListenerError: (error, event) => logger?.error('a listener of a deployment failed', { error, event: event.type }),
    })
  }

  on(listener: (event: DeploymentEvent) => unknown): () => void {
    return this.#events.on(listener)
  }

  opened(version: number, manifestDigest: string): void {
    this.#logger?.info('deployment opened', { model: this.#model, version, manifestDigest })
  }

  swapped(from: number, version: number): void {
    this.#logger?.info('deployment swapped its version', { model: this.#model, from, version })
    this.#emit({ type: 'version-swapped', from, version })
  }

  disposed(version: number): void {
    this.#emit({ type: 'version-disposed', version })
  }

  closed(): void {
    this.#emit({ type: 'deployment-closed' })
  }

  refreshFailed(version: number, error: unknown): void {
    this.#fault({ type: 'refresh-failed', version, error })
  }

  recordFailed(version: number, error: unknown): void {
    this.#fault({ type: 'record-failed', version, error })
  }

  predictionFailed(version: number, rows: number, error: unknown): void {
    this.#fault({ type: 'prediction-failed', version, rows, error })
  }

  logFailed(kind: PredictionRecordKind, error: unknown): void {
    this.#fault({ type: 'log-failed', kind, error })
  }

  monitorFailed(monitor: string, error: unknown): void {
    this.#fault({ type: 'monitor-failed', monitor, error })
  }

  #fault(event: Extract<EventBody<DeploymentEvent>, { readonly error: unknown }>): void {
    const { type, ...fields } = event
    this.#logger?.error(`deployment: ${type}`, { model: this.#model, ...fields, reason: messageOf(event.error) })
    this.#emit(event)
  }

  #emit(event: EventBody<DeploymentEvent>): void {
    this.#events.emit({ ...event, time: this.#clock.now(), model: this.#model } as DeploymentEvent)
  }
}
