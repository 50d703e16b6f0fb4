import { availableParallelism } from 'node:os'
import type { Chapter } from './journal.ts'

/** The page about what happens when something fails, with the figures of one run. */
export function writeReport(chapters: readonly Chapter[]): string {
  return `# Reliability

Written by \`npm run test:faults -- --write\`; do not edit. That command makes everything fail that can fail, around
real processes of the service: two instances on one Redis behind nginx with TLS and the [configuration that is
shipped](../deploy/nginx.conf), or one with the embedded store, and behind them a Sentry of our own, all on loopback. It
ends with 1 when a rule was not kept. CI runs it; the figures are those of one run on ${availableParallelism()} cores,
which clients and everything else shared, and differ from run to run.

## The rules

| What fails | What a client gets | What does not happen |
|---|---|---|
| an instance | the next request is answered by another one | anything lost but what was under way there |
| an instance that is told to end | what it always got; see [draining](operations.md#draining) | a failed request, a broken stream |
| Redis | 503 \`temporarily_unavailable\` with \`Retry-After\`, within 2.5 s; it works again within 3 s | \`invalid_grant\`, \`invalid_client\`, 401; a grant lost that was acknowledged; a process that ends |
| Sentry | signing in: \`temporarily_unavailable\`, back at the client; refreshing and calling: 503, once its tokens have ended; a tool: an error in words | a grant ended; a token in a log |
| Sentry’s token | one renewal over all instances, and the call repeated; else 401, and the user signs in again | a loop |
| what cannot be undone (\`FLUSHALL\`, an answer of Sentry’s that was lost) | the truth: \`invalid_grant\` and 401, or a page | a client that tries for ever |

Single use wins over convenience: when Redis gets the order to spend a code and cannot say so in time, the code is
spent. The client is answered 503 first, and \`invalid_grant\` when it tries again; nothing had been given to it, and its
user signs in again. A refresh token is another matter: the one that was replaced is good for \`REFRESH_GRACE\`, so a
client that repeats it loses nothing.

${chapters.map(writeChapter).join('\n')}`
}

function writeChapter({ title, entries }: Chapter): string {
  const rows = entries.map(({ fault, answer, figures }) => `| ${fault} | ${answer} | ${figures} |`)
  return [
    `## ${title}`,
    '',
    '| What fails | What a client gets | Figures |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
