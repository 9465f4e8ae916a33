import type { RecordBatch } from 'apache-arrow'
import { MillraceError } from '../core/error.ts'
import { nearestName } from '../core/suggest.ts'
import type { ColumnKind, ColumnType } from '../data/column-type.ts'
import { columnOf } from '../data/read-column.ts'
import { Categories } from './categories.ts'
import type { CodeSource, Source } from './sources.ts'
import { CategorySource, NumberSource, TimePartSource } from './sources.ts'
import type { TimePart } from './time-part.ts'

/** Where a code comes from, as JSON: a column's categories or a part of its moments. */
export type CodeSourceDefinition = { readonly column: string } | { readonly time: string; readonly part: TimePart }

/** The sources of a plan: what several features read of one column is made once. */
export class SourceSet {
  readonly #kinds: ReadonlyMap<string, ColumnType>
  readonly #sources = new Map<string, Source>()
  readonly #byColumn = new Map<string, Source[]>()
  #bound: Source[] = []

  constructor(columns: readonly ColumnType[]) {
    this.#kinds = new Map(columns.map((column) => [column.name, column]))
  }

  /** The columns that are read, in the order of the given ones. */
  get columns(): readonly ColumnType[] {
    return [...this.#kinds.values()].filter((column) => this.#byColumn.has(column.name))
  }

  /** Sources that have categories to learn or to store. */
  get categorySources(): readonly CategorySource[] {
    return [...this.#sources.values()].filter((source) => source instanceof CategorySource)
  }

  numbers(column: string): NumberSource {
    return this.#once(`number:${column}`, NumberSource, () => new NumberSource(column))
  }

  codes(definition: CodeSourceDefinition): CodeSource {
    if ('time' in definition) return this.timeParts(definition.time, definition.part)
    return this.categories(definition.column)
  }

  categories(column: string, known?: Categories): CategorySource {
    const kind = this.#kindOf(column)
    return this.#once(`category:${column}`, CategorySource, () => new CategorySource(column, kind, known ?? new Categories(column)))
  }

  timeParts(column: string, part: TimePart): TimePartSource {
    return this.#once(`${part}:${column}`, TimePartSource, () => new TimePartSource(column, part))
  }

  /** Takes a batch; with `only` no more than those columns of it. @throws {@link MillraceError} `COLUMN_NOT_FOUND` or `SCHEMA_MISMATCH`. */
  bind(batch: RecordBatch, only?: ReadonlySet<string>): void {
    this.#bound = []
    for (const [name, sources] of this.#byColumn) {
      if (only !== undefined && !only.has(name)) continue
      const column = columnOf(batch, name)
      for (const source of sources) {
        source.bind(column)
        this.#bound.push(source)
      }
    }
  }

  fill(start: number, rows: number): void {
    for (const source of this.#bound) source.fill(start, rows)
  }

  release(): void {
    for (const source of this.#bound) source.release()
    this.#bound = []
  }

  /** Makes one row the current block; what a nullable column lacks is null. */
  setRow(row: Readonly<Record<string, unknown>>): void {
    for (const [name, sources] of this.#byColumn) {
      const value = row[name]
      if (value === undefined && this.#kinds.get(name)?.nullable !== true) throw missing(name, row)
      for (const source of sources) source.set(value ?? null)
    }
  }

  #kindOf(column: string): ColumnKind {
    return this.#kinds.get(column)?.kind ?? 'text'
  }

  #once<Made extends Source>(key: string, Kind: abstract new (...parameters: never) => Made, make: () => Made): Made {
    const known = this.#sources.get(key)
    if (known instanceof Kind) return known
    const made = make()
    this.#sources.set(key, made)
    this.#byColumn.set(made.column, [...(this.#byColumn.get(made.column) ?? []), made])
    return made
  }
}

function missing(name: string, row: Readonly<Record<string, unknown>>): MillraceError<'COLUMN_NOT_FOUND'> {
  const names = Object.keys(row)
  const nearest = nearestName(name, names)
  return new MillraceError('COLUMN_NOT_FOUND', {
    message: `Expected a value for column "${name}". Received ${names.length === 0 ? 'an empty row' : names.map((other) => `"${other}"`).join(', ')}.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
    details: nearest === undefined ? { column: name } : { column: name, nearest },
  })
}
