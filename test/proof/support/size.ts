/** How large a proof is: small enough for every test run, or at its full size with `npm run prove`. */
export function size(inTests: number, inProof: number): number {
  return isFullProof ? inProof : inTests
}

export const isFullProof: boolean = process.env.MILLRACE_PROVE === '1'
