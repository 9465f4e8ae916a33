import type { Profile } from '../../../src/data/profile.ts'

/** Where a test needs a profile and none of it. */
export const emptyProfile: Profile = { rowCount: 0, columns: {}, merge: () => emptyProfile, toJSON: () => ({ rowCount: 0, columns: {} }) }
