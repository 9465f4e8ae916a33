import { MillraceError } from '../core/error.ts'
import type { ModelLoader } from './model.ts'

/**
 * The loader of a kind of model.
 *
 * @throws {@link MillraceError} `MODEL_KIND_UNKNOWN`.
 */
export function loaderOf(kind: string, loaders: readonly ModelLoader[]): ModelLoader {
  const loader = loaders.find((candidate) => candidate.kind === kind)
  if (loader !== undefined) return loader
  const known = loaders.map((candidate) => candidate.kind)
  throw new MillraceError('MODEL_KIND_UNKNOWN', {
    message: `Expected a model of kind ${known.map((name) => `"${name}"`).join(', ') || '(no loader was given)'}. Received "${kind}". Give its loader among the models.`,
    details: { kind, known },
  })
}
