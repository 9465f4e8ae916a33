import { isKeySegment } from '../key.ts'

/** The one file in a folder that is an object itself: how objects are kept where the file system has no hard links. */
export const objectFileName = '.object'

/** In the root: its time of modification is that of the last sweep. */
export const sweptFileName = '.swept'

const temporaryPattern = /^\.tmp-(\d{1,10})-[0-9a-f-]{36}$/

/** A name in the destination's own folder, since a rename across file systems is no rename. It is no key, so it is never listed. */
export function temporaryName(): string {
  return `.tmp-${process.pid}-${crypto.randomUUID()}`
}

/** The process that made a temporary; undefined for any other name. */
export function temporaryOwner(name: string): number | undefined {
  const digits = temporaryPattern.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** True for names that are ours to list; whatever else lies in the folder is left alone. */
export function isListed(name: string): boolean {
  return isKeySegment(name)
}
