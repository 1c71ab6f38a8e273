import { expect, it } from 'vitest'
import { presign } from '../../src/storage/s3-presign.ts'

const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}

it('signs as the example in the S3 API reference is signed', () => {
  const url = presign({
    method: 'GET',
    baseUrl: new URL('https://examplebucket.s3.amazonaws.com'),
    key: 'test.txt',
    query: {},
    headers: {},
    region: 'us-east-1',
    credentials,
    at: new Date('2013-05-24T00:00:00Z'),
    expiresInSeconds: 86_400,
  })
  const { searchParams } = new URL(url)
  expect(searchParams.get('X-Amz-Credential')).toBe('AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request')
  expect(searchParams.get('X-Amz-Signature')).toBe('aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404')
})
