import { z } from 'zod'

/** Body of `POST /api/sign-in`. */
export const signInRequest = z.strictObject({ code: z.string().min(1).max(100) })

/** Its answer. */
export const signedIn = z.strictObject({ token: z.string().describe('To be brought as a bearer token.') })
