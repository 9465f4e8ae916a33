/** What stands where a secret was. */
export const redacted = '[redacted]'

/**
 * Wraps a secret so that it does not get into a log, an error or JSON by accident: however it is printed, it prints `[redacted]`. Only `reveal` gives it.
 *
 * @example
 * const password = new Secret('hunter2')
 * String(password) // '[redacted]'
 * JSON.stringify({ password }) // '{"password":"[redacted]"}'
 * password.reveal() // 'hunter2'
 */
export class Secret<Value = string> {
  readonly #value: Value

  constructor(value: Value) {
    this.#value = value
    // For `console.log` and `util.inspect` on Node.
    Object.defineProperty(this, Symbol.for('nodejs.util.inspect.custom'), { value: () => redacted })
  }

  reveal(): Value {
    return this.#value
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }
}
