import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Lifetime } from './service.ts'

/** A certificate that is its own authority, as those of private networks are to everybody else. */
export interface Certificate {
  /** PEM */
  key: string
  cert: string
  keyFile: string
  /** The file that holds `cert`, for NODE_EXTRA_CA_CERTS. */
  file: string
}

const run = promisify(execFile)

/** Makes a certificate for a host name; its files go with the test. */
export async function createCertificate(t: Lifetime, name: string, days = 90): Promise<Certificate> {
  const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-certificate-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const [keyFile, file] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', keyFile]
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  await run('openssl', ['req', '-x509', '-days', String(days), ...key, ...subject, '-out', file])
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(file, 'utf8'), keyFile, file }
}
