import type { LogFields, LogTarget } from '../log/log-target.ts'

/** Says nothing: where the host gave no logger. */
export const silentLogger: LogTarget = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** The host's logger with fields that say which run and stage speaks. */
export function stageLogger(logger: LogTarget, fields: LogFields): LogTarget {
  return {
    debug: (message, more) => logger.debug(message, { ...fields, ...more }),
    info: (message, more) => logger.info(message, { ...fields, ...more }),
    warn: (message, more) => logger.warn(message, { ...fields, ...more }),
    error: (message, more) => logger.error(message, { ...fields, ...more }),
  }
}
