import { invalidArgument } from '../../core/invalid-argument.ts'
import { redacted, Secret } from '../../log/secret.ts'
import { unavailable } from './reply.ts'

/** A name and a password, or a token that is sent as a bearer. */
export type MlflowLogin =
  | { readonly username: string; readonly password: string | Secret<string> }
  | { readonly token: string | Secret<string> }

/** Who asks: a login, or a function that gives one whenever a request is sent, for tokens that run out. */
export type MlflowCredentials = MlflowLogin | (() => MlflowLogin | Promise<MlflowLogin>)

/** The headers of a request that says who asks, and a function that takes what is secret in them out of a text. */
export interface Authorization {
  readonly headers: Readonly<Record<string, string>>
  scrub(text: string): string
}

/** The login for a request. @throws {@link MillraceError} `REGISTRY_UNAVAILABLE` where the function fails or gives none. */
export async function loginOf(credentials: MlflowCredentials | undefined, registry: string): Promise<MlflowLogin | undefined> {
  if (typeof credentials !== 'function') return credentials
  let login: unknown
  try {
    login = await credentials()
  } catch {
    // Neither its text nor the error itself: either may hold what it was about to give.
    throw unavailable(registry, 'the function that gives the credentials failed')
  }
  if (isLogin(login)) return login
  throw unavailable(registry, 'the function that gives the credentials gave no login')
}

/** That it is a login or a function. What is not may hold a secret all the same, so nothing of it is told. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertCredentials(credentials: unknown): void {
  if (credentials === undefined || typeof credentials === 'function' || isLogin(credentials)) return
  const expected = 'a username and a password, a token, or a function that gives one of these'
  throw invalidArgument('credentials', expected, typeof credentials === 'object' ? 'something else' : `a ${typeof credentials}`)
}

function isLogin(value: unknown): value is MlflowLogin {
  if (typeof value !== 'object' || value === null) return false
  const isSecret = (secret: unknown): boolean => typeof secret === 'string' || secret instanceof Secret
  if ('token' in value) return isSecret(value.token)
  return 'username' in value && typeof value.username === 'string' && 'password' in value && isSecret(value.password)
}

/** Headers that a host adds may hold keys too, so none of their values is ever shown. */
export function authorize(login: MlflowLogin | undefined, headers: Readonly<Record<string, string>>): Authorization {
  const secrets = new Set(Object.values(headers))
  const all: Record<string, string> = { ...headers }
  if (login !== undefined) {
    const secret = reveal('token' in login ? login.token : login.password)
    const encoded = 'token' in login ? secret : base64(`${login.username}:${secret}`)
    all.authorization = `${'token' in login ? 'Bearer' : 'Basic'} ${encoded}`
    secrets.add(encoded).add(secret)
  }
  // Longest first, so that no secret leaves the rest of one that begins like it; what is shorter would hide ordinary words.
  const hidden = [...secrets].filter((secret) => secret.length > 3).sort((a, b) => b.length - a.length)
  return { headers: all, scrub: (text) => hidden.reduce((safe, secret) => safe.replaceAll(secret, redacted), text) }
}

function reveal(secret: string | Secret<string>): string {
  return secret instanceof Secret ? secret.reveal() : secret
}

/** Of the UTF-8, as RFC 7617 has it; `btoa` alone takes Latin-1. */
function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}
