import { type Sealer, SealError } from '../auth/seal.ts'
import { AppError } from '../errors.ts'

/** Seals a webhook's secret. Throws SECRETS_UNAVAILABLE when there is no key. */
export function sealSecret(sealer: Sealer | undefined, webhookId: string, secret: string): Buffer {
  if (sealer) return sealer.seal(subject(webhookId), secret)
  throw new AppError(
    'SECRETS_UNAVAILABLE',
    'This server has no SECRETS_KEYS, so it cannot keep the secret of a webhook.',
  )
}

/** Those of sealed secrets that can be opened still; those whose key is gone are left out. */
export function openSecrets(sealer: Sealer | undefined, webhookId: string, sealed: readonly Buffer[]): string[] {
  return sealed.flatMap((one) => {
    try {
      return sealer ? [sealer.open(subject(webhookId), one)] : []
    } catch (error) {
      if (error instanceof SealError) return []
      throw error
    }
  })
}

function subject(webhookId: string): string {
  return `webhook ${webhookId}`
}
