import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Lifetime } from './lifetime.ts'

/** A self-signed certificate, as in private networks. */
export interface Certificate {
  /** PEM */
  key: string
  cert: string
  keyFile: string
  /** The file that holds `cert`, for NODE_EXTRA_CA_CERTS. */
  file: string
}

const run = promisify(execFile)

/** Creates a certificate for a host name; its files are removed with `t`. */
export async function createCertificate(t: Lifetime, name: string, days = 90): Promise<Certificate> {
  const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-certificate-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const [keyFile, file] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', keyFile]
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  await run('openssl', ['req', '-x509', '-days', String(days), ...key, ...subject, '-out', file])
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(file, 'utf8'), keyFile, file }
}

/** A private certificate authority. */
export interface Authority {
  /** PEM */
  cert: string
  file: string
  /** Issues a certificate for a name, for servers and clients alike. */
  issue(name: string): Promise<Certificate>
}

export async function createAuthority(t: Lifetime): Promise<Authority> {
  const { cert, file, keyFile } = await createCertificate(t, 'authority.test')
  const directory = dirname(file)
  return {
    cert,
    file,
    async issue(name) {
      const [ownKey, request, own] = ['key', 'request', 'certificate'].map((kind) =>
        join(directory, `${name}-${kind}.pem`),
      ) as [string, string, string]
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', ownKey]
      const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
      await run('openssl', ['req', '-new', ...key, ...subject, '-out', request])
      const issuer = ['-CA', file, '-CAkey', keyFile, '-days', '90', '-copy_extensions', 'copy']
      await run('openssl', ['x509', '-req', '-in', request, ...issuer, '-out', own])
      return {
        key: readFileSync(ownKey, 'utf8'),
        cert: readFileSync(own, 'utf8'),
        keyFile: ownKey,
        file: own,
      }
    },
  }
}
