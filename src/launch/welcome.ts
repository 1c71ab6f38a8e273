export type Welcome = {
  url: string
  /** Opens the dashboard and signs in there. */
  signInUrl: string | undefined
  trial: { token: string; days: number } | undefined
}

/**
 * What a person sees when everything runs: the address, a token, and lines for a shell that upload a small file. The
 * file holds the time, since one that was uploaded before would be recognised and not be uploaded again. Without a
 * secret of our own there is no token to show.
 */
export function welcome({ url, signInUrl, trial }: Welcome): string {
  if (!trial)
    return `\nLongshore is ready: ${url}\n\nTokens come from your own issuer (AUTH_JWKS_URL).\n\nCtrl-C stops everything.\n`
  const sha256 = process.platform === 'darwin' ? 'shasum -a 256' : 'sha256sum'
  return `
Longshore is ready: ${url}
${signInUrl === undefined ? '' : `\nThe dashboard; this link signs you in, once:\n${signInUrl}\n`}
A token for trying it out (it is good for ${trial.days} days):
${trial.token}

Upload a file; paste these lines into another terminal:

  URL=${url} TOKEN=${trial.token}
  echo "Hello from $(date)" > hello.txt
  ID=$(curl -s "$URL/api/files/upload/create" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"fileName": "hello.txt", "contentType": "text/plain", "fileSize": '"$(wc -c < hello.txt)"', "hash": "'"$(${sha256} hello.txt | cut -c 1-64)"'"}' | sed 's/.*"taskId":"\\([^"]*\\)".*/\\1/')
  curl -s -X PUT "$URL/api/files/upload/chunk/$ID/0" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/octet-stream' --data-binary @hello.txt; echo
  curl -s -X POST "$URL/api/files/upload/complete/$ID" -H "Authorization: Bearer $TOKEN"; echo

Ctrl-C stops everything.
`
}
