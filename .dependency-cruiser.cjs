// The picture in docs/architecture.md, executable: a room imports only from lower floors, never from its own; no cycles, type-only imports included.
const floors = require('./scripts/floors.json')
const rooms = (names) => `^src/(${names.join('|')})/`

const floorRules = floors.flatMap((names, floor) =>
  names.map((room) => {
    // math throws the errors of core: the ground floor stands on one slab.
    const beside = room === 'math' ? names.filter((other) => other !== 'math' && other !== 'core') : names.filter((other) => other !== room)
    const forbidden = [...beside, ...floors.slice(floor + 1).flat()]
    return {
      name: `${room}-imports-lower-floors-only`,
      severity: 'error',
      from: { path: rooms([room]) },
      to: { path: forbidden.length === 0 ? '^src/index\\.ts$' : `${rooms(forbidden)}|^src/index\\.ts$` },
    }
  }),
)

module.exports = {
  forbidden: [
    ...floorRules,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'node-only-where-node-runs',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(storage/file(\\.ts$|/)|ingest/(parquet|csv/(input|decompress))\\.ts$|registry/git\\.ts$)' },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'node-types-only-in-node-handler',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/(storage/file(\\.ts$|/)|ingest/(parquet|csv/(input|decompress))\\.ts$|registry/git\\.ts$|deploy/node-handler\\.ts$)',
      },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'tfjs-in-one-room', severity: 'error', from: { path: '^src/', pathNot: '^src/tfjs/' }, to: { path: '@tensorflow' } },
    { name: 'zod-by-structure-only', severity: 'error', from: { path: '^src/' }, to: { path: 'node_modules/zod' } },
    { name: 'no-tests-in-source', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|examples|scripts)/' } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm-peer', 'npm', 'npm-optional', 'type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    combinedDependencies: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
