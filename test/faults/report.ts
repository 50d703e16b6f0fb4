import { availableParallelism } from 'node:os'
import type { Section } from './results.ts'

/** docs/reliability.md, with the figures of one run. */
export function renderReport(sections: readonly Section[]): string {
  return `# Reliability

Written by \`npm run test:faults -- --write\`; do not edit. That command injects faults around real processes of the
service: two instances on one Redis behind nginx with TLS and [deploy/nginx.conf](../deploy/nginx.conf), or one with the
embedded store, in front of a stand-in for Sentry, all on loopback. It exits with 1 when a rule is broken. CI runs it; the
figures are those of one run on ${availableParallelism()} cores, shared with the clients, and differ from run to run.

## The rules

| What fails | What a client gets | What does not happen |
|---|---|---|
| an instance | another instance serves the next request | anything lost but the requests in progress there |
| an instance that is shut down | the usual response; see [draining](operations.md#draining) | a failed request, a broken stream |
| Redis | 503 \`temporarily_unavailable\` with \`Retry-After\`, within 2.5 s; recovery within 3 s | \`invalid_grant\`, \`invalid_client\`, 401; the loss of an acknowledged grant; a process that exits |
| Sentry | signing in: a redirect with \`temporarily_unavailable\`; refreshing and calling: 503, once Sentry’s tokens have expired; a tool: a tool error in plain words | the end of a grant; a token in a log |
| Sentry’s token | one renewal over all instances, and the call is repeated; otherwise 401, and the user signs in again | a loop |
| what cannot be recovered (\`FLUSHALL\`, a lost response of Sentry) | a final error: \`invalid_grant\` and 401, or a page | a client that retries for ever |

Authorization codes are used once, even at the cost of a sign-in: when Redis spends a code and its reply comes too late,
the code is spent. The client gets 503 first, and \`invalid_grant\` when it tries again; it has received no tokens, and its
user signs in again. Refresh tokens differ: a replaced one is valid for \`REFRESH_GRACE\`, so a client that repeats it
loses nothing.

${sections.map(renderSection).join('\n')}`
}

function renderSection({ title, results }: Section): string {
  const rows = results.map(({ fault, response, figures }) => `| ${fault} | ${response} | ${figures} |`)
  return [
    `## ${title}`,
    '',
    '| What fails | What a client gets | Figures |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
