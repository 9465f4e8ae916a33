import type { Json } from '../core/json.ts'
import { canonicalJson } from '../core/json.ts'

/** The canonical JSON of the operation that was decided on, made once however often it is tried. */
export class OperationText<Operation extends Json> {
  #last: { readonly given: Operation; readonly operation: Operation; readonly text: string } | undefined

  of(given: Operation): { readonly operation: Operation; readonly text: string } {
    if (this.#last?.given !== given) {
      const text = canonicalJson(given)
      this.#last = { given, operation: JSON.parse(text) as Operation, text }
    }
    return this.#last
  }
}
