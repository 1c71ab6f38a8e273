/**
 * What a person sees when everything runs: the address, a token, and lines for a shell that upload a small file. The
 * file holds the time, since one that was uploaded before would be recognised and not be uploaded again.
 */
export function welcome({ url, token, days }: { url: string; token: string; days: number }): string {
  const sha256 = process.platform === 'darwin' ? 'shasum -a 256' : 'sha256sum'
  return `
Longshore is ready: ${url}

A token for trying it out (it is good for ${days} days):
${token}

Upload a file; paste these lines into another terminal:

  URL=${url} TOKEN=${token}
  echo "Hello from $(date)" > hello.txt
  ID=$(curl -s "$URL/api/files/upload/create" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"fileName": "hello.txt", "contentType": "text/plain", "fileSize": '"$(wc -c < hello.txt)"', "hash": "'"$(${sha256} hello.txt | cut -c 1-64)"'"}' | sed 's/.*"taskId":"\\([^"]*\\)".*/\\1/')
  curl -s -X PUT "$URL/api/files/upload/chunk/$ID/0" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/octet-stream' --data-binary @hello.txt; echo
  curl -s -X POST "$URL/api/files/upload/complete/$ID" -H "Authorization: Bearer $TOKEN"; echo

Ctrl-C stops everything.
`
}
