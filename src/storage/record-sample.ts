/** Keeps a share of records by a hash of their ids: the same ids in every process, and those of one id all or none. */
export class RecordSample {
  readonly above: number
  readonly rate: number
  #records = 0

  constructor(options: { readonly above: number; readonly rate: number }) {
    this.above = options.above
    this.rate = options.rate
  }

  keeps(id: string | undefined): boolean {
    const hash = id === undefined ? mix(this.#records++) : hashOf(id)
    return hash < this.rate * 0x1_0000_0000
  }
}

/** FNV-1a over UTF-16 units, mixed so that ids that differ in their last digit only are spread. */
function hashOf(id: string): number {
  let hash = 0x811c_9dc5
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x0100_0193)
  return mix(hash)
}

/** The finalizer of MurmurHash3 (Appleby, 2011): 0 to 2^32 - 1. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16)
  hash = Math.imul(hash, 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
