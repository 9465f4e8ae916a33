// The sizes are of what a page loads first: what the library imports on demand (upkeep of a registry, tfjs) is not in them.
const onDemand = {
  name: 'on-demand',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind }) => (kind === 'dynamic-import' ? { path: 'on-demand', external: true } : undefined))
  },
}
const modifyEsbuildConfig = (config) => ({ ...config, plugins: [...(config.plugins ?? []), onDemand] })

const entries = [
  {
    name: 'core (millrace)',
    path: 'dist/index.js',
    import: '*',
    ignore: ['apache-arrow'],
    limit: '49 kB',
  },
  {
    name: 'deploy: serve a model without tfjs',
    path: 'dist/deploy/index.js',
    import: '{ Deployment }',
    limit: '30 kB',
  },
  {
    name: 'monitor',
    path: 'dist/monitor/index.js',
    import: '*',
    limit: '20 kB',
  },
  {
    name: 'storage/indexeddb',
    path: 'dist/storage/indexeddb.js',
    import: '*',
    limit: '4 kB',
  },
  {
    name: 'storage/s3',
    path: 'dist/storage/s3.js',
    import: '*',
    ignore: ['aws4fetch'],
    limit: '13 kB',
  },
  {
    name: 'registry/mlflow',
    path: 'dist/registry/mlflow.js',
    import: '*',
    limit: '22 kB',
  },
  {
    name: 'ingest/csv',
    path: 'dist/ingest/csv.js',
    import: '*',
    ignore: ['apache-arrow'],
    limit: '14 kB',
  },
  {
    name: 'tfjs: our part',
    path: 'dist/tfjs/index.js',
    import: '*',
    ignore: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
    limit: '9 kB',
  },
]

const checks = entries.map((entry) => ({ ...entry, modifyEsbuildConfig }))

export default checks
