/** Whether bytes [from, to) are well-formed UTF-8 (The Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF). */
export function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  let position = from
  while (position < to) {
    const lead = bytes[position++] as number
    if (lead < 0x80) continue
    let more: number
    let least = 0x80
    let most = 0xbf
    if (lead >= 0xc2 && lead <= 0xdf) more = 1
    else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2
      if (lead === 0xe0) least = 0xa0
      else if (lead === 0xed) most = 0x9f
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3
      if (lead === 0xf0) least = 0x90
      else if (lead === 0xf4) most = 0x8f
    } else return false
    if (position + more > to) return false
    for (; more > 0; more--) {
      const byte = bytes[position++] as number
      if (byte < least || byte > most) return false
      least = 0x80
      most = 0xbf
    }
  }
  return true
}
