import { MillraceError } from '../core/error.ts'
import { isPlainObject } from '../core/json.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { Signature } from '../model/model-package.ts'
import type { Deployment } from './deployment.ts'
import { HttpFault, type InferenceRequest, type InferenceResponse, jsonResponse, textResponse } from './inference-message.ts'
import { batchOfTensors, datatypeOf } from './inference-tensors.ts'
import { metricsText } from './metrics-text.ts'
import { readJsonBody } from './request-body.ts'
import { type GuardOptions, guard } from './request-guard.ts'

/** Any deployment, whatever its rows are. */
export type ServedDeployment = Deployment<never>

export interface InferenceProtocolOptions extends GuardOptions {
  /** Bytes that a body may have; default 16 MiB. */
  readonly bodyLimitBytes?: number
  /** Rows that one request may have; default 100,000. */
  readonly rowLimit?: number
  /** What stands before every path, such as `/ml`; default nothing. */
  readonly basePath?: string
  /** Milliseconds within which an answer must be there; default none. */
  readonly deadlineMs?: number
  /** Told of faults whose reason clients do not get. */
  readonly logger?: LogTarget
}

/** Answers requests, however they came. Never rejects. */
export interface InferenceProtocol {
  handle(request: InferenceRequest): Promise<InferenceResponse>
}

/**
 * The Open Inference Protocol, version 2, REST with JSON tensors, over one deployment or several, each under its model's name; beside it `/healthz`,
 * `/readyz` and `/metrics` (Prometheus). Pure: `nodeHandler` and `fetchHandler` are thin adapters over it.
 *
 * Each raw column is an input of [-1, 1]; `GET /v2/models/<name>` says which. An error is `{"error": "..."}`: 400 what was asked does not fit, 401 not
 * authorized, 403 unknown host, 404, 405, 413 body or rows past the limit, 415 not plain JSON, 503 closed, 504 deadline, 500 all else, without its reason.
 *
 * Source: the Open Inference Protocol (V2), REST; without the binary extension.
 *
 * @example
 * const protocol = createInferenceProtocol(deployment)
 * const { status } = await protocol.handle({ method: 'GET', path: '/v2/health/ready', headers: { host: 'localhost' } })
 * status // 200
 */
export function createInferenceProtocol(
  deployments: ServedDeployment | readonly ServedDeployment[],
  options: InferenceProtocolOptions = {},
): InferenceProtocol {
  const served = 'predict' in deployments ? [deployments] : deployments
  return {
    async handle(request: InferenceRequest): Promise<InferenceResponse> {
      try {
        await guard(request, options)
        return await route(request, served, options)
      } catch (error) {
        return faultResponse(error, request, options.logger)
      }
    },
  }
}

async function route(
  request: InferenceRequest,
  deployments: readonly ServedDeployment[],
  options: InferenceProtocolOptions,
): Promise<InferenceResponse> {
  const path = segmentsOf(request.path, options.basePath ?? '')
  const [first, second, third] = path
  if (path.length === 1 && (first === 'healthz' || first === 'readyz' || first === 'metrics')) {
    allow(request, 'GET')
    if (first === 'metrics') return textResponse('text/plain; version=0.0.4; charset=utf-8', metricsText(deployments))
    return first === 'healthz' ? jsonResponse(200, { live: true }) : readiness(deployments)
  }
  if (first !== 'v2') throw notFound()
  if (path.length === 1) {
    allow(request, 'GET')
    return jsonResponse(200, { name: 'millrace', version: '2', extensions: [] })
  }
  if (second === 'health' && path.length === 3 && (third === 'live' || third === 'ready')) {
    allow(request, 'GET')
    return third === 'live' ? jsonResponse(200, { live: true }) : readiness(deployments)
  }
  if (second !== 'models' || third === undefined) throw notFound()
  return routeModel(request, deploymentOf(deployments, third), path.slice(3), options)
}

async function routeModel(
  request: InferenceRequest,
  deployment: ServedDeployment,
  rest: readonly string[],
  options: InferenceProtocolOptions,
): Promise<InferenceResponse> {
  const { metadata } = deployment
  let path = rest
  const asked = path[0] === 'versions' ? (path[1] ?? '') : undefined
  if (asked !== undefined) {
    expectVersion(metadata.version, asked)
    path = path.slice(2)
  }
  if (path.length > 1) throw notFound()
  switch (path[0]) {
    case undefined:
      allow(request, 'GET')
      return jsonResponse(200, modelMetadata(metadata.model, metadata.version, metadata.signature))
    case 'ready':
      allow(request, 'GET')
      return jsonResponse(deployment.isReady ? 200 : 503, { name: metadata.model, ready: deployment.isReady })
    case 'infer':
      allow(request, 'POST')
      return infer(request, deployment, asked, options)
    default:
      throw notFound()
  }
}

async function infer(
  request: InferenceRequest,
  deployment: ServedDeployment,
  asked: string | undefined,
  options: InferenceProtocolOptions,
): Promise<InferenceResponse> {
  const body = await readJsonBody(request, options.bodyLimitBytes ?? 16 * 1024 * 1024)
  if (!isPlainObject(body)) throw new HttpFault(400, 'Expected a JSON object with "inputs". Received another value.')
  const { metadata } = deployment
  const output = metadata.signature.outputs[0]?.name as string
  checkOutputs(body.outputs, output)
  const batch = batchOfTensors(body.inputs, metadata.signature.inputs)
  const rowLimit = options.rowLimit ?? 100_000
  if (batch.numRows > rowLimit) throw new HttpFault(413, `Expected at most ${rowLimit} rows. Received ${batch.numRows}.`)
  const { batchId, scores, version } = await deployment.predictBatch(batch, {
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
  })
  // The version may have been swapped while the body was read.
  if (asked !== undefined) expectVersion(version, asked)
  return jsonResponse(200, {
    model_name: metadata.model,
    model_version: String(version),
    ...(typeof body.id === 'string' ? { id: body.id } : {}),
    // Row i is prediction `<batch_id>.<i>`: what outcomes and actions are recorded under.
    parameters: { batch_id: batchId },
    outputs: [{ name: output, datatype: 'FP32', shape: [scores.length, 1], data: Array.from(scores) }],
  })
}

function expectVersion(served: number, asked: string): void {
  if (asked !== String(served)) throw new HttpFault(404, `Expected version ${served}, which is served. Received another.`)
}

function checkOutputs(outputs: unknown, known: string): void {
  if (outputs === undefined) return
  if (!Array.isArray(outputs)) throw new HttpFault(400, 'Expected "outputs" to be a list.')
  for (const output of outputs) {
    if (!isPlainObject(output) || output.name !== known) throw new HttpFault(400, `Expected the output "${known}". Received another.`)
    if (isPlainObject(output.parameters) && output.parameters.binary_data === true) {
      throw new HttpFault(400, 'Binary tensor data is not supported: ask for JSON.')
    }
  }
}

function modelMetadata(name: string, version: number, signature: Signature): unknown {
  return {
    name,
    versions: [String(version)],
    platform: 'millrace',
    inputs: signature.inputs.map((input) => ({ name: input.name, datatype: datatypeOf[input.kind], shape: [-1, 1] })),
    outputs: signature.outputs.map((output) => ({ name: output.name, datatype: 'FP32', shape: [-1, 1] })),
  }
}

function readiness(deployments: readonly ServedDeployment[]): InferenceResponse {
  const ready = deployments.length > 0 && deployments.every((deployment) => deployment.isReady)
  return jsonResponse(ready ? 200 : 503, { ready })
}

function deploymentOf(deployments: readonly ServedDeployment[], name: string): ServedDeployment {
  const deployment = deployments.find((candidate) => candidate.metadata.model === name)
  if (deployment === undefined) throw new HttpFault(404, 'No model of that name is served.')
  return deployment
}

/** Decoded once, after the split: an encoded slash is part of a name and never a path. */
function segmentsOf(path: string, basePath: string): readonly string[] {
  const plain = path.split('?', 1)[0] as string
  if (!plain.startsWith(`${basePath}/`)) throw notFound()
  try {
    const segments = plain
      .slice(basePath.length + 1)
      .split('/')
      .map(decodeURIComponent)
    return segments.at(-1) === '' ? segments.slice(0, -1) : segments
  } catch {
    throw new HttpFault(400, 'Expected a path in percent-encoding. Received a broken one.')
  }
}

function allow(request: InferenceRequest, method: string): void {
  const asked = request.method.toUpperCase()
  // HEAD is GET of which the server sends no body: health checks use it.
  if (asked !== method && !(asked === 'HEAD' && method === 'GET'))
    throw new HttpFault(405, `Expected ${method}.`, { allow: method === 'GET' ? 'GET, HEAD' : method })
}

function notFound(): HttpFault {
  return new HttpFault(404, 'No such path.')
}

const statusOf: Readonly<Record<string, number>> = {
  REQUEST_INVALID: 400,
  SCHEMA_MISMATCH: 400,
  DEPLOYMENT_CLOSED: 503,
  DEADLINE_EXCEEDED: 504,
}

/** Faults of the request come with their reason; faults of ours do not leave the house. */
function faultResponse(error: unknown, request: InferenceRequest, logger: LogTarget | undefined): InferenceResponse {
  if (error instanceof HttpFault) return jsonResponse(error.status, { error: error.message }, error.headers)
  if (request.signal?.aborted) return jsonResponse(499, { error: 'The client has gone.' })
  const status = MillraceError.is(error) ? statusOf[error.code] : undefined
  if (status !== undefined) return jsonResponse(status, { error: (error as Error).message }, status === 503 ? { 'retry-after': '1' } : {})
  logger?.error('an inference request failed', { error, path: request.path })
  return jsonResponse(500, { error: 'The model could not answer.' })
}
