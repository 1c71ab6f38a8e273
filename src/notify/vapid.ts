import { createECDH } from 'node:crypto'

/** The key that a server's messages are signed with (VAPID, RFC 8292), and whom a push service can write to about them. */
export type VapidSettings = { privateKey: Buffer; subject: string }

export const curve = 'prime256v1'

/** The key that a browser subscribes with (`applicationServerKey`), in base64url. Throws when the private one is none. */
export function publicKeyOf({ privateKey }: VapidSettings): string {
  const ecdh = createECDH(curve)
  ecdh.setPrivateKey(privateKey)
  return ecdh.getPublicKey('base64url')
}
