import { EventEmitter } from 'eventemitter3'

/** Every event of the library is one member of a closed union, told apart by `type`. */
export interface TypedEvent {
  readonly type: string
}

/**
 * Hands events of one closed union to listeners, in the order in which they were added. A listener that throws, or whose promise
 * rejects, is reported and breaks nothing: neither the other listeners nor whoever emits.
 *
 * @example
 * const events = new Events<DriftEvent>({ onListenerError: (error) => logger.error('listener failed', { error }) })
 * const stop = events.on((event) => console.log(event.type))
 * stop()
 */
export class Events<Event extends TypedEvent> {
  readonly #emitter = new EventEmitter<{ event: [Event] }>()
  readonly #onListenerError: (error: unknown, event: Event) => void

  constructor(options: { onListenerError?: (error: unknown, event: Event) => void } = {}) {
    this.#onListenerError = options.onListenerError ?? (() => {})
  }

  /** Adds a listener; the function that comes back takes it off again. */
  on(listener: (event: Event) => unknown): () => void {
    const guarded = (event: Event): void => {
      try {
        const result = listener(event)
        if (result instanceof Promise) result.catch((error: unknown) => this.#report(error, event))
      } catch (error) {
        this.#report(error, event)
      }
    }
    this.#emitter.on('event', guarded)
    return () => {
      this.#emitter.off('event', guarded)
    }
  }

  emit(event: Event): void {
    this.#emitter.emit('event', event)
  }

  #report(error: unknown, event: Event): void {
    try {
      this.#onListenerError(error, event)
    } catch {
      // A reporter that throws has nowhere left to report to.
    }
  }
}
