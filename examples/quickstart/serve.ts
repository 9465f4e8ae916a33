// The model as a service: rows, a batch, and the Open Inference Protocol over HTTP on a free loopback port.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Deployment } from 'millrace/deploy'
import { nodeHandler } from 'millrace/deploy'
import { modelName } from './flow.ts'
import { figure, print } from './show.ts'

interface Wire {
  readonly date: Date
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

export async function serve(deployment: Deployment<Wire>): Promise<void> {
  const evening = { date: new Date('2001-06-15T18:30:00Z'), distance: 733, origin: 'LGA', destination: 'ORD' }
  const morning = { ...evening, date: new Date('2001-06-15T06:30:00Z') }

  const single = await deployment.predict([evening])
  print(
    `One row:   LGA to ORD at 18:30 is late with probability ${figure(single.predictions[0], 3)} (version ${single.version}, id ${single.ids[0]}).`,
  )
  const several = await deployment.predict([morning, evening])
  print(`Two rows:  at 06:30 ${figure(several.predictions[0], 3)}, at 18:30 ${figure(several.predictions[1], 3)}.`)

  const server = createServer(nodeHandler(deployment))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const address = `http://127.0.0.1:${port}/v2/models/${modelName}/infer`
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(inferenceRequest(evening)),
    })
    if (!response.ok) throw new Error(`Expected 200 from ${address}. Received ${response.status}: ${await response.text()}`)
    const answer = (await response.json()) as {
      readonly model_version: string
      readonly outputs: readonly { readonly data: readonly number[] }[]
    }
    print(`Over HTTP: POST ${address} answers ${figure(answer.outputs[0]?.data[0], 3)} (version ${answer.model_version}).`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

function inferenceRequest(row: Wire): unknown {
  return {
    inputs: [
      { name: 'date', shape: [1], datatype: 'BYTES', data: [row.date.toISOString()] },
      { name: 'distance', shape: [1], datatype: 'INT32', data: [row.distance] },
      { name: 'origin', shape: [1], datatype: 'BYTES', data: [row.origin] },
      { name: 'destination', shape: [1], datatype: 'BYTES', data: [row.destination] },
    ],
  }
}
