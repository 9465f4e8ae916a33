/** A running service, or why there is none here. */
export type ServiceOrReason<Service> =
  | { readonly service: Service; readonly reason?: undefined }
  | { readonly service?: undefined; readonly reason: string }

/**
 * What a test file asks at its top, so that what cannot run is reported as skipped with the reason in its name:
 *
 *     const store = await startOrReason(startMinistack)
 *     describe.skipIf(store.service === undefined)(named('S3 on ministack', store), () => { ... })
 */
export async function startOrReason<Service>(start: () => Promise<Service>): Promise<ServiceOrReason<Service>> {
  try {
    return { service: await start() }
  } catch (error) {
    return { reason: (String(error instanceof Error ? error.message : error).split('\n')[0] ?? '').slice(0, 200) }
  }
}

/** The name of a group of tests, with the reason where they are skipped. */
export function named(name: string, { reason }: { readonly reason?: string | undefined }): string {
  return reason === undefined ? name : `${name} (skipped: ${reason})`
}
