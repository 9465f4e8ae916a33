/** Every entry point of the package and the source file that it is: the build makes these, and a test holds that `exports` in package.json names them all and no other. The size table covers the ones whose size matters to a page. */
export const entryPoints: Readonly<Record<string, string>> = {
  '.': 'index',
  ...rooms('core', 'math', 'storage', 'metrics', 'log', 'data', 'pipeline', 'features', 'monitor', 'model'),
  ...rooms('tfjs', 'learners', 'ingest', 'prepare', 'train', 'evaluate', 'registry', 'deploy', 'report', 'testing'),
  './storage/file': 'storage/file',
  './storage/indexeddb': 'storage/indexeddb',
  './storage/s3': 'storage/s3',
  './ingest/csv': 'ingest/csv',
  './ingest/parquet': 'ingest/parquet',
  './registry/git': 'registry/git',
  './registry/mlflow': 'registry/mlflow',
}

function rooms(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`./${name}`, `${name}/index`]))
}
