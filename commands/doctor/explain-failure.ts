/** Why there was no answer, and what to do about it. */
export interface Failure {
  /** Completes "… cannot be reached: ". */
  reason: string
  advice: string
}

const ADVICE: readonly [codes: RegExp, advice: string][] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'The name has no address here: check it, and the name server of this machine.'],
  [/^ECONNREFUSED$/, 'Nothing listens there: check host and port, and whether it is running.'],
  [
    /^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|EHOSTUNREACH|ENETUNREACH|TimeoutError)$/,
    'Something on the way may drop the connection. Where only a proxy leads out, set HTTPS_PROXY.',
  ],
  [
    /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/,
    "Node does not know the authority that issued the certificate. Name the file with that authority's certificate (PEM) in NODE_EXTRA_CA_CERTS, in the environment itself: Node reads it before any .env.",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'The certificate is for another name: use that one, or have one issued for this name.',
  ],
  [/^CERT_HAS_EXPIRED$/, 'Renew the certificate.'],
  [/^CERT_NOT_YET_VALID$/, 'Set the clock of this machine.'],
  [/^(ERR_SSL_|EPROTO)/, 'What listens there does not speak TLS: check the port, and http against https.'],
  [/^HPE_/, 'What listens there does not speak HTTP: check the port, and http against https.'],
  [
    /^(UND_ERR_ABORTED|ERR_PROXY_TUNNEL)$/,
    'The proxy does not connect to it: allow it there, or name the host in NO_PROXY.',
  ],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, 'The connection was cut: check the port, and http against https.'],
]

/** Puts in words why a request found no answer. Only codes, host names and addresses are repeated. */
export function explainFailure(error: unknown): Failure {
  const { code, reason } = findCause(error)
  const [, advice = 'See whether it can be reached from this machine at all.'] =
    ADVICE.find(([codes]) => codes.test(code)) ?? []
  return { reason, advice }
}

/** The error below all wrappers: `fetch` puts it in `cause`, and where a name has several addresses in a list. */
function findCause(error: unknown): { code: string; reason: string } {
  if (!(error instanceof Error)) return { code: 'unknown', reason: 'an unknown error' }
  if (error.name === 'TimeoutError') return { code: error.name, reason: 'no answer in time' }
  if (error.cause !== undefined) return findCause(error.cause)
  if (error instanceof AggregateError && error.errors.length > 0) return findCause(error.errors[0])
  const { code = error.name, syscall } = error as NodeJS.ErrnoException
  // A message of the operating system names what was tried; one of OpenSSL or of a proxy may be any length.
  const isPlain = syscall !== undefined || code === 'Error'
  return { code, reason: isPlain ? error.message : code }
}
