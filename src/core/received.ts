const maxLength = 80

/**
 * What was received, for the message of a fault: text in quotes and cut to 80 characters, a number or a truth value as it is written, anything else by its
 * kind. It asks the value for nothing, so it never throws, whatever a caller in plain JavaScript gave.
 */
export function receivedText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, maxLength))
    case 'number':
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return String(value)
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object'
    default:
      return `a ${typeof value}`
  }
}
