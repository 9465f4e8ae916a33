/** Why a stage ran and its output was not taken from the cache. */
export type MissReason =
  | 'first run'
  | 'did not finish before'
  | 'version changed'
  | 'code changed'
  | 'parameters changed'
  | 'codec changed'
  | 'fingerprint changed'
  | 'input changed'
  | 'seed changed'
  | 'forced'
  | 'effect'
  | 'no fingerprint'
  | 'output was too large to keep'
  | 'no stored output for this input'
  | 'stored output is missing'
  | 'stored output is corrupt'
  | 'stored output cannot be read'

/** Why a stage did not run at all. */
export type SkipReason = 'its condition does not hold'
/** Why a stage was given up. */
export type AbandonReason = 'a stage before it failed' | 'another stage failed' | 'the run was cancelled'
/** Why an output was not made again. */
export type HitReason = 'unchanged' | 'done before in this run'

/** What the record of a run says of a stage. */
export type StageReason = MissReason | HitReason | SkipReason | AbandonReason
