/** Header fields that answers carry beside the usual ones, with what they say. */
export const answerHeaders = {
  'Accept-Ranges': 'That parts of it can be asked for, by `Range`.',
  Allow: 'The methods that the path takes.',
  'Content-Disposition':
    'The name of the file; as an attachment, unless it was asked for `inline` and is safe to be shown.',
  'Content-Range': 'Which bytes these are, of how many.',
  ETag: 'The strong validator of what is answered.',
  'Last-Modified': 'When it changed last.',
  Location: 'Where that is.',
  RateLimit: "How many requests the caller's account has left, and for how many seconds.",
  'RateLimit-Policy': 'How many requests an account may make in how many seconds.',
  'Retry-After': 'After how many seconds it may be tried again.',
  'Set-Cookie': 'The same access for links that a browser follows by itself.',
  'X-Request-Id':
    'The name of the request, which log and audit trail carry too; that of the request, if it brought one.',
  'X-Total': 'How many there are in all, whatever the page.',
} as const
export type AnswerHeader = keyof typeof answerHeaders

/** Header fields that requests may carry, with what they do. */
export const requestHeaders = {
  'Content-Digest': 'Digests of the body (RFC 9530), which are compared: `sha-256=:…:`, `sha-512=:…:`, `md5=:…:`.',
  'If-Match': 'Answer only if the ETag is one of these.',
  'If-Modified-Since': 'Answer only if it has changed since.',
  'If-None-Match': 'Answer only if the ETag is none of these.',
  'If-Range': 'Regard `Range` only if it still has this ETag or date.',
  'If-Unmodified-Since': 'Answer only if it has not changed since.',
  'Last-Event-ID': 'In a stream of events: the `seq` of the last one that arrived.',
  Prefer: '`respond-async` to be answered at once, `wait=N` to be answered after N seconds at the latest (RFC 7240).',
  Range: 'Which bytes to answer with (RFC 9110): `bytes=0-1023`.',
} as const
export type RequestHeader = keyof typeof requestHeaders
