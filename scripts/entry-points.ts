/** Every entry point of the package and the source file that it is: `exports` in package.json, the build and the size table agree with it (a test holds that). */
export const entryPoints: Readonly<Record<string, string>> = {
  '.': 'index',
  ...rooms('core', 'math', 'storage', 'metrics', 'log', 'data', 'pipeline', 'features', 'monitor', 'model'),
  ...rooms('tfjs', 'learners', 'ingest', 'prepare', 'train', 'evaluate', 'registry', 'deploy', 'report', 'testing'),
  './storage/file': 'storage/file',
  './storage/indexeddb': 'storage/indexeddb',
  './ingest/parquet': 'ingest/parquet',
  './registry/git': 'registry/git',
}

function rooms(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`./${name}`, `${name}/index`]))
}
