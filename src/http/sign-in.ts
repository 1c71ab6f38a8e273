import { redeemSignInCode } from '../auth/sign-in-code.ts'
import { signedIn, signInRequest } from '../contract/sign-in.ts'
import type { RequestLimits } from '../limits/requests.ts'
import { json } from './outcomes.ts'
import { openRoute, type Route } from './route.ts'

export type SignInDeps = { dataDir: string; requestLimits: Pick<RequestLimits, 'useAddress'> }

/** `/sign-in`: who has the code that `npm start` printed gets a token for it, once. */
export function signInRoutes({ dataDir, requestLimits }: SignInDeps): Route<undefined>[] {
  return [
    openRoute(
      {
        method: 'POST',
        path: '/',
        id: 'signIn',
        summary: 'Trade a sign-in code for a token',
        description: 'With its own database Longshore prints such a code as it starts. A code counts once.',
        body: signInRequest,
        answers: { 200: json('The token.', signedIn) },
        errors: ['SIGN_IN_CODE_UNKNOWN'],
      },
      async ({ request, response, body }) => {
        await requestLimits.useAddress(request.ip ?? '')
        response.set('Cache-Control', 'no-store').json({ token: await redeemSignInCode(dataDir, body.code) })
      },
    ),
  ]
}
