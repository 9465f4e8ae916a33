import type { IdentifierSource } from '../../core/identifiers.ts'
import { unavailable } from '../faults.ts'
import { thenCleanUp } from './clean-up.ts'
import type { S3Client, S3Request } from './client.ts'
import { listPage, pageSize } from './list-page.ts'
import type { S3ListOrder } from './options.ts'

/** What is asked of a server; each question left out is not asked. */
export interface ProbeQuestions {
  readonly ifNoneMatch?: boolean
  readonly ifMatch?: boolean
  readonly listOrder?: boolean
}

export interface ProbeAnswers {
  /** A second create was refused. */
  readonly ifNoneMatch?: boolean
  /** A replacement of another version than the one named was refused. */
  readonly ifMatch?: boolean
  readonly listOrder?: S3ListOrder
}

/** No key of ours begins with a dot, so no listing shows them. */
const folder = '.millrace-probe/'
const encoder = new TextEncoder()

/**
 * Asks the server by doing: writes objects of its own and deletes them again, whatever happens.
 *
 * @throws {@link MillraceError} `STORAGE_UNAVAILABLE`, `STORAGE_DENIED`, `STORAGE_NO_SPACE`.
 */
export async function probe(
  client: S3Client,
  questions: ProbeQuestions,
  options: { readonly newId: IdentifierSource; readonly signal?: AbortSignal | undefined },
): Promise<ProbeAnswers> {
  const { signal } = options
  const start = `${client.settings.prefix}${folder}a`
  const id = options.newId()
  // By bytes the first comes first, by segments the second.
  const [plain, inFolder] = [`${start}-${id}`, `${start}/${id}`]
  return await thenCleanUp(client, signal, async (written) => {
    const put = async (key: string, text: string, headers: Readonly<Record<string, string>>): Promise<boolean> => {
      const request: S3Request = { method: 'PUT', key, body: new Uint8Array(encoder.encode(text)), headers }
      const isFirst = !written.has(key)
      written.add(key)
      const outcome = await client.send(request, signal)
      const { status } = outcome.reply
      // Refused by what an earlier try of this one created, whose reply was lost.
      if (status === 412 && isFirst && outcome.mayHaveBeenApplied) return true
      if (status < 300) return true
      if (isFirst) written.delete(key)
      // 501: a header that the server knows it does not know.
      if (status === 412 || status === 501) return false
      throw client.fault(request, outcome)
    }
    const answers: { -readonly [Question in keyof ProbeAnswers]: ProbeAnswers[Question] } = {}
    if (questions.ifNoneMatch === true) {
      answers.ifNoneMatch = (await put(plain, 'first', { 'if-none-match': '*' })) && !(await put(plain, 'second', { 'if-none-match': '*' }))
    } else if (questions.listOrder === true || questions.ifMatch === true) await put(plain, 'first', {})
    // Refused from the first: there is nothing to ask the rest with.
    if (!written.has(plain)) return answers
    if (questions.ifMatch === true) answers.ifMatch = !(await put(plain, 'third', { 'if-match': '"00000000000000000000000000000000"' }))
    if (questions.listOrder === true) {
      await put(inFolder, 'first', {})
      answers.listOrder = await orderOf(client, start, plain, inFolder, signal)
    }
    return answers
  })
}

/** Which of the two comes first. Others may be probing at the same time. */
async function orderOf(
  client: S3Client,
  prefix: string,
  plain: string,
  inFolder: string,
  signal: AbortSignal | undefined,
): Promise<S3ListOrder> {
  const seen: string[] = []
  let token: string | undefined
  do {
    const page = await listPage(client, { prefix, token, maxKeys: pageSize, signal })
    for (const { key } of page.objects) if (key === plain || key === inFolder) seen.push(key)
    token = page.next
  } while (token !== undefined && seen.length < 2)
  if (seen.length < 2) throw unavailable(client.settings.name, new Error('a listing without an object that was written before it'))
  return seen[0] === plain ? 'bytes' : 'segments'
}
