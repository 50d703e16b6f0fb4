import { request } from 'node:https'
import { TLSSocket } from 'node:tls'
import type { Report } from './report.ts'

const TIMEOUT = 5_000
const DAY = 86_400_000

/** How long before its end a certificate is worth a word, in days. */
const NOTICE = 14

/** Says how long the certificate of an https server holds that has answered already; of any other, nothing. */
export async function reportCertificate(url: string, report: Report): Promise<void> {
  const end = await readCertificateEnd(new URL(url).origin)
  if (end === undefined) return
  const date = new Date(end).toISOString().slice(0, 10)
  if (end - Date.now() < NOTICE * DAY) {
    report.warning(`Its certificate ends on ${date}.`, 'See that it is renewed before.')
  } else {
    report.ok(`Its certificate holds until ${date}.`)
  }
}

/** When the certificate ends, in ms since the epoch; undefined where there is none or it cannot be had. */
function readCertificateEnd(origin: string): Promise<number | undefined> {
  if (!origin.startsWith('https:')) return Promise.resolve(undefined)
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  request(origin, { method: 'HEAD', signal: AbortSignal.timeout(TIMEOUT) })
    .on('response', ({ socket }) => {
      const end = socket instanceof TLSSocket ? Date.parse(socket.getPeerCertificate().valid_to) : Number.NaN
      resolve(Number.isNaN(end) ? undefined : end)
      socket.destroy()
    })
    .on('error', () => resolve(undefined))
    .end()
  return promise
}
