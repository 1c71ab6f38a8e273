import { type SubmitEvent, useEffect, useState } from 'react'
import { signInWithCode } from '../client/browser.ts'
import { asError } from './ask.ts'
import { textOf } from './forms/form-text.ts'
import { go, useRoute } from './router.ts'
import { checkToken, readToken } from './session.ts'
import { ThemeSwitch } from './theme.tsx'

type Props = { farewell: string | undefined; onSignedIn: (token: string, where: 'tab' | 'browser') => void }

/** Asks for a token; a link that `npm start` printed brings a code for one. */
export function SignIn({ farewell, onSignedIn }: Props) {
  const [problem, setProblem] = useState(farewell)
  const [isBusy, setBusy] = useState(false)
  useLinkCode(onSignedIn, setProblem)
  const signIn = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const token = (textOf(form, 'token') ?? '').replace(/^Bearer +/i, '')
    if (readToken(token) === undefined)
      return setProblem('This is not a token. A token has three parts with dots between.')
    setBusy(true)
    try {
      await checkToken(token)
      onSignedIn(token, form.get('keep') === null ? 'tab' : 'browser')
    } catch (error) {
      setProblem(asError(error).message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <main className="sign-in">
      <form onSubmit={(event) => void signIn(event)} aria-labelledby="sign-in-title">
        <h1 id="sign-in-title">Longshore</h1>
        <p>Sign in with a token.</p>
        {problem !== undefined && (
          <p className="problem" role="alert" id="sign-in-problem">
            {problem}
          </p>
        )}
        <label className="field">
          <span>Token</span>
          <input
            name="token"
            type="password"
            autoComplete="off"
            spellCheck={false}
            required
            aria-describedby={problem === undefined ? undefined : 'sign-in-problem'}
          />
        </label>
        <label className="check">
          <input type="checkbox" name="keep" /> Stay signed in on this computer
        </label>
        <button type="submit" className="button primary" disabled={isBusy}>
          {isBusy ? 'Checking …' : 'Sign in'}
        </button>
        <p className="hint">
          <code>npm start</code> prints a link that signs in by itself. <code>npm run token</code> makes tokens.
        </p>
      </form>
      <ThemeSwitch />
    </main>
  )
}

/** Takes the code out of the address at once, so that it is in no history, and trades it for a token. */
function useLinkCode(onSignedIn: Props['onSignedIn'], onProblem: (problem: string) => void): void {
  const { path } = useRoute()
  const code = path[0] === 'sign-in' ? path[1] : undefined
  useEffect(() => {
    if (code === undefined) return
    go('#/files', { replace: true })
    signInWithCode(location.origin, code).then(
      (token) => onSignedIn(token, 'browser'),
      (error: unknown) => onProblem(asError(error).message),
    )
  }, [code, onSignedIn, onProblem])
}
