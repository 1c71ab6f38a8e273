const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The upper half of the character set that zip files without the UTF-8 flag are in: IBM code page 437. */
const page437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0'

/** A name whose character set nobody stated: UTF-8 where it can be that, since most writers of today mean it. */
export function decodeName(bytes: Buffer, otherwise: 'cp437' | 'latin1'): string {
  try {
    return strict.decode(bytes)
  } catch {
    if (otherwise === 'latin1') return bytes.toString('latin1')
    return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : page437.charAt(byte - 128))).join('')
  }
}
