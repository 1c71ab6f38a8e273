import { expect } from 'vitest'
import type { Answer } from './client.ts'

/** The one shape of every refusal, and nothing in it that is nobody's business. */
export function expectRefusal(answer: Answer, status: number, code: string): void {
  expect(answer.body).toEqual({ code, status, message: expect.any(String), details: expect.any(Object) })
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toContain('application/json')
  expect(answer.headers.get('x-powered-by')).toBeNull()
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.ts:|\.js:|\n +at /)
}

/** What a VALIDATION_FAILED says of each field. */
export function errorsOf(answer: Answer): unknown {
  expectRefusal(answer, 400, 'VALIDATION_FAILED')
  return Object.fromEntries(Object.entries(answer.body['details'] ?? {}))['errors']
}
