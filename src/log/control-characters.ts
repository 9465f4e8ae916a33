/** Characters that end a line or move a cursor. */
export const controlCharacters: RegExp = /[\p{Cc}\u2028\u2029]/gu
