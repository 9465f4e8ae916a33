import type { Clock } from '../core/clock.ts'
import { createIdentifierSource, type IdentifierSource } from '../core/identifiers.ts'

/**
 * Identifiers of the batches of one deployment: one random identifier and a number after it. Drawing sixteen random characters for each would cost ten
 * times as much as scoring a row.
 */
export function batchIdentifiers(clock: Clock): IdentifierSource {
  const prefix = createIdentifierSource({ clock })()
  let count = 0
  return () => `${prefix}-${(count++).toString(36)}`
}
