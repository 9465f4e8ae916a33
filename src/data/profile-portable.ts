import { digestOfJson } from '../core/digest.ts'
import type { Portable } from '../storage/portable.ts'
import type { Profile } from './profile.ts'
import { profileFromJson } from './profile-record.ts'

/** How a profile is kept among a stage's outputs: as its JSON. */
export const profilePortable: Portable<Profile> = {
  kind: 'profile',
  matches: (value): value is Profile =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Profile>).merge === 'function' &&
    typeof (value as Partial<Profile>).toJSON === 'function' &&
    typeof (value as Partial<Profile>).columns === 'object',
  async encode(value) {
    const stored = value.toJSON()
    return { stored, digest: digestOfJson(stored) }
  },
  decode: async (stored) => profileFromJson(stored),
  blobs: async () => [],
}
