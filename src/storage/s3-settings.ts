import type { StorageClass } from '@aws-sdk/client-s3'
import { z } from 'zod'

/** Only names that begin so, lest a pool send another secret of this process to its endpoint as an access key. */
const variable = z
  .string()
  .regex(/^(S3|AWS)_[A-Z0-9_]{1,100}$/, 'must be the name of an environment variable that begins with S3_ or AWS_')

/** The ledger holds it and administrators read it, so it must not hold a password. */
const endpoint = z
  .url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' })
  .refine((text) => /^[a-z]+:\/\/[^@]*$/i.test(text), 'must not hold a user or a password')

/** Where an S3 pool lies and how it is spoken to. Credentials are named, never given. */
export const s3Settings = z
  .strictObject({
    /** The server's address; AWS's own for the region when there is none. */
    endpoint: endpoint.optional(),
    region: z.string().min(1).max(64).default('us-east-1'),
    bucket: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'must be the name of a bucket'),
    /** Begins every key. Nobody else may use it. */
    prefix: z
      .string()
      .max(512)
      .regex(/^([A-Za-z0-9!_.*'()-]+\/)*$/, 'must be empty or end with "/", with letters, digits and !_.*\'()- between')
      .default(''),
    /** Whether the bucket stands in the path rather than in the host name; usual everywhere but at AWS. */
    pathStyle: z.boolean().optional(),
    /** Without them the SDK looks where it always does: AWS_ variables, shared files, the machine's or pod's role. */
    credentials: z
      .strictObject({ accessKeyId: variable, secretAccessKey: variable, sessionToken: variable.optional() })
      .optional(),
    storageClass: z.custom<StorageClass>(isClassName, 'must be letters, digits, "_" and "-"').optional(),
    serverSideEncryption: z.enum(['AES256', 'aws:kms', 'aws:kms:dsse']).optional(),
    kmsKeyId: z.string().min(1).max(2048).optional(),
    /** Lets clients talk to the store themselves, by requests that are signed here. */
    direct: z
      .strictObject({
        uploads: z.boolean().default(true),
        downloads: z.boolean().default(false),
        /** The store's address for clients, where it is another one than for us. */
        endpoint: endpoint.optional(),
      })
      .optional(),
    /** The SDK's own checksums: always, or only where S3 insists on them, for stores that refuse them. */
    checksums: z.enum(['WHEN_SUPPORTED', 'WHEN_REQUIRED']).default('WHEN_SUPPORTED'),
  })
  .refine((given) => given.kmsKeyId === undefined || given.serverSideEncryption?.startsWith('aws:kms'), {
    path: ['kmsKeyId'],
    error: 'needs serverSideEncryption to be aws:kms or aws:kms:dsse',
  })

/** The SDK names the classes that AWS has; other stores have others. */
function isClassName(name: unknown): boolean {
  return typeof name === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(name)
}

export type S3Settings = z.infer<typeof s3Settings>
