import { createReadStream } from 'node:fs'
import { columnOf, type NumberColumn } from 'millrace/data'
import { csv } from 'millrace/ingest/csv'

/** What a reader made of the file: all columns of it, kept. */
export interface Reading {
  readonly rows: number
  readonly distance: number
  readonly kept: unknown
}
/** Gets ready, which is not measured; what it answers reads the whole file. */
export type Reader = (path: string) => Promise<() => Promise<Reading>>

/**
 * By name. Each keeps all ten columns as it gives them, in columns: typed arrays where it has numbers, else arrays of what it has. The settings are those that its documentation
 * calls the fastest: papaparse in chunks and in its fast mode, which knows no quotes; udsv in chunks; duckdb by chunks of its own memory.
 */
export const readers: Readonly<Record<string, Reader>> = {
  'millrace, inferred': async (path) => () => millrace(path, {}),
  'millrace, declared': async (path) => () => millrace(path, { types: flightTypes }),
  'duckdb, inferred': async (path) => duckdb(`select * from read_csv(${quoted(path)}, header = true)`),
  'duckdb, declared': async (path) => duckdb(`select * from ${declared(path, 'varchar')}`),
  'duckdb, strings as codes': async (path) =>
    duckdb(
      `select * from ${declared(path, 'code')}`,
      `create type code as enum (select distinct unnest([origin, destination, carrier]) as code from ${declared(path, 'varchar')} order by code)`,
    ),
  'udsv, typed': async (path) => udsv(path),
  'papaparse, strings': async (path) => () => papaparse(path, false),
  'papaparse, typed': async (path) => () => papaparse(path, true),
  'csv-parse, strings': async (path) => () => csvParse(path),
}

const flightTypes = {
  date: 'time',
  delay: 'integer',
  distance: 'integer',
  origin: 'text',
  destination: 'text',
  carrier: 'text',
  origin_latitude: 'number',
  origin_longitude: 'number',
  destination_latitude: 'number',
  destination_longitude: 'number',
} as const
const distanceColumn = 2
const columnCount = 10

async function millrace(path: string, options: Parameters<typeof csv>[1]): Promise<Reading> {
  const kept = []
  let [rows, distance] = [0, 0]
  for await (const batch of csv(path, options).open({})) {
    kept.push(batch)
    rows += batch.numRows
    const column = columnOf(batch, 'distance')
    if (column.kind === 'text')
      for (let row = 0; row < column.length; row++) distance += Number(column.dictionary[column.codes[row] as number])
    else for (const value of (column as NumberColumn).values) distance += value
  }
  return { rows, distance, kept }
}

/** The result as a stream of chunks, and of each the values of its columns: typed arrays of numbers, times and codes as they are in its memory, else strings. */
async function duckdb(query: string, preparation?: string): Promise<() => Promise<Reading>> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  if (preparation !== undefined) await connection.run(preparation)
  return async () => {
    const result = await connection.stream(query)
    const kept: unknown[] = []
    let [rows, distance] = [0, 0]
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      rows += chunk.rowCount
      for (let column = 0; column < columnCount; column++) {
        const vector = chunk.getColumnVector(column)
        const items = (vector as unknown as { readonly items?: Float64Array | BigInt64Array }).items
        const values = items?.slice() ?? vector.toArray()
        kept.push(values)
        if (column === distanceColumn) for (const value of values as Iterable<number | bigint>) distance += Number(value)
      }
    }
    return { rows, distance, kept }
  }
}

function declared(path: string, textType: string): string {
  const types = Object.entries(flightTypes).map(([name, type]) => `'${name}': '${duckdbTypes[type] ?? textType}'`)
  return `read_csv(${quoted(path)}, header = true, auto_detect = false, delim = ',', quote = '"', columns = {${types.join(', ')}})`
}

const duckdbTypes: Readonly<Record<string, string>> = { time: 'timestamp', integer: 'integer', number: 'double' }

async function udsv(path: string): Promise<() => Promise<Reading>> {
  const { inferSchema, initParser } = await import('udsv')
  return async () => {
    let parser: ReturnType<typeof initParser> | undefined
    for await (const text of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 })) {
      parser ??= initParser(inferSchema(text as string))
      parser.chunk<unknown[]>(text as string, parser.typedCols)
    }
    const kept: readonly (readonly unknown[])[] = parser?.end() ?? []
    const distances = kept[distanceColumn] ?? []
    let distance = 0
    for (const value of distances) distance += value as number
    return { rows: distances.length, distance, kept }
  }
}

async function papaparse(path: string, isTyped: boolean): Promise<Reading> {
  const { default: Papa } = await import('papaparse')
  const kept: unknown[] = []
  let [rows, distance] = [0, 0]
  await new Promise<void>((resolve, reject) => {
    Papa.parse<unknown[]>(createReadStream(path, { highWaterMark: 1 << 20 }), {
      dynamicTyping: isTyped,
      skipEmptyLines: true,
      fastMode: true,
      chunk({ data }) {
        const columns: unknown[][] = Array.from({ length: columnCount }, () => [])
        for (const record of data) {
          if (record[distanceColumn] === 'distance') continue
          rows++
          distance += Number(record[distanceColumn])
          for (let column = 0; column < columnCount; column++) columns[column]?.push(record[column])
        }
        kept.push(columns)
      },
      complete: () => resolve(),
      error: reject,
    })
  })
  return { rows, distance, kept }
}

async function csvParse(path: string): Promise<Reading> {
  const { parse } = await import('csv-parse')
  const columns: string[][] = Array.from({ length: columnCount }, () => [])
  let [rows, distance] = [0, 0]
  const parser = createReadStream(path, { highWaterMark: 1 << 20 }).pipe(parse({ from_line: 2 }))
  parser.on('readable', () => {
    for (let record = parser.read() as string[] | null; record !== null; record = parser.read() as string[] | null) {
      rows++
      distance += Number(record[distanceColumn])
      for (let column = 0; column < columnCount; column++) columns[column]?.push(record[column] as string)
    }
  })
  await new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject))
  return { rows, distance, kept: columns }
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`
}
