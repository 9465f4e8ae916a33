// What of zod 4 is read, by structure: the host's copy may be another version than the one that this was tested with, and zod is never imported.

export interface ZodCheckDef {
  readonly check?: string
  readonly format?: string
  readonly value?: unknown
  readonly inclusive?: boolean
  readonly when?: unknown
  readonly fn?: (value: unknown) => unknown
  readonly error?: unknown
}
export interface ZodIssue {
  readonly message?: string
  readonly code?: string
  readonly inst?: { readonly _zod: { readonly def: ZodCheckDef } }
}
export interface ZodPayload {
  value: unknown
  issues: ZodIssue[]
}
export interface ZodCheck {
  readonly _zod: { readonly def: ZodCheckDef; readonly check: (payload: ZodPayload) => unknown }
}
export interface ZodDef extends ZodCheckDef {
  readonly type: string
  readonly checks?: readonly ZodCheck[]
  readonly coerce?: boolean
  readonly innerType?: ZodType
  readonly in?: ZodType
  readonly out?: ZodType
  readonly options?: readonly ZodType[]
  readonly entries?: Readonly<Record<string, string | number>>
  readonly values?: readonly unknown[]
  readonly getter?: () => ZodType
  readonly shape?: Readonly<Record<string, ZodType>>
  readonly catchall?: ZodType
}
export interface ZodType {
  readonly _zod: { readonly def: ZodDef }
  readonly '~standard': { readonly validate: (value: unknown) => Validated | Promise<Validated> }
}
/** The result of the Standard Schema interface (https://standardschema.dev), which zod 4 implements. */
export interface Validated {
  readonly value?: unknown
  readonly issues?: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] | undefined
}

/** The text of an issue that zod has not finished: given by the check, made by its error function, or its code. */
export function issueText(issue: ZodIssue): string {
  if (issue.message !== undefined) return issue.message
  const error = issue.inst?._zod.def.error
  const made: unknown = typeof error === 'function' ? (error as (issue: ZodIssue) => unknown)(issue) : undefined
  if (typeof made === 'string') return made
  const message = (made as { readonly message?: unknown } | null | undefined)?.message
  return typeof message === 'string' ? message : `the check "${issue.code ?? 'custom'}" failed`
}
