import { redacted, Secret } from '../../log/secret.ts'

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

/** Headers that a host adds may hold keys too, so none of their values is ever shown. */
export async function authorize(
  credentials: MlflowCredentials | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Authorization> {
  const login = typeof credentials === 'function' ? await credentials() : credentials
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
