/** How long the server asks to be left alone, in milliseconds: seconds or an HTTP date (RFC 9110, section 10.2.3). 0 where it does not say. */
export function retryAfterMs(headers: Headers, now: number): number {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return /[a-z]/i.test(value) && Number.isFinite(date) ? Math.max(0, date - now) : 0
}
