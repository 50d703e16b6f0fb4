import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import { redactInput, redactPath, redactSecrets, registerSecrets } from '../../../lib/telemetry/redact.ts'

const MAX_LENGTH = 8 * 1024

const random = (bytes: number) => randomBytes(bytes).toString('base64url')
const REGISTERED = `pass phrase: ${random(24)} (it has spaces)`
registerSecrets([REGISTERED])

/** A secret of each kind, and the part of it that is secret. */
const SECRETS: [text: string, secret: string][] = [
  [`Bearer ${random(32)}`, 'Bearer '],
  [`Basic ${randomBytes(24).toString('base64')}`, 'Basic '],
  [`sntrys_${random(20)}_${random(32)}`, ''],
  [randomBytes(32).toString('hex'), ''],
  [`sk-ant-${random(40)}`, ''],
  [`rt1.${random(32)}.${random(32)}.${random(32)}`, ''],
  [`eyJhbGciOiJFUzI1NiJ9.${random(60)}.${random(60)}`, ''],
  [`x-eyJhbGciOiJFUzI1NiJ9.${random(60)}`, 'x-'],
  [REGISTERED, ''],
].map(([text = '', label = '']) => [text, text.slice(label.length)])

/** Whether eight characters in a row of a secret are in a text. */
function leaks(text: string, secret: string): boolean {
  return Array.from({ length: secret.length - 7 }, (_, at) => secret.slice(at, at + 8)).some((part) =>
    text.includes(part),
  )
}

test('a secret across the limit of what is read leaves nothing behind (ASVS 5.0 16.2.5)', async (t) => {
  for (const [text, secret] of SECRETS) {
    for (let before = 0; before <= text.length + 1; before += 1) {
      for (const filler of ['. ', '-']) {
        const padding = filler.repeat(MAX_LENGTH).slice(0, MAX_LENGTH - before - 1)
        for (const redact of [redactSecrets, redactInput]) {
          const shown = redact(`${padding} ${text} and more`)
          if (leaks(shown, secret)) t.fail(`${before} characters of ${text}: ${shown.slice(-200)}`)
          if (shown.length > MAX_LENGTH) t.fail(`${shown.length} characters`)
        }
      }
    }
  }
})

test('a secret across the length that is shown leaves nothing behind (ASVS 5.0 16.2.5)', async (t) => {
  for (const [text, secret] of SECRETS) {
    for (let before = 0; before <= text.length + 1; before += 1) {
      const line = `${'. '.repeat(50).slice(0, 100 - before)} ${text} and more`
      for (const redact of [redactSecrets, redactInput]) {
        const shown = redact(line, 100)
        if (leaks(shown, secret)) t.fail(`${before} characters of ${text}: ${shown}`)
        if (shown.length > 100) t.fail(`${shown.length} characters`)
      }
    }
  }
})

test('every secret is redacted wherever it stands, and ordinary text is not', async (t) => {
  for (const [text, secret] of SECRETS) {
    for (const line of [text, `before ${text} after`, `"${text}"`, `a=${text}&b`, `/${text}/x`, `-${text}`]) {
      t.notOk(leaks(redactSecrets(line), secret), line)
    }
  }
  for (const line of [
    'The project checkout-api has 3 issues; see CHECKOUT-API-1.',
    'eyJ, eyJ-eyJ-eyJ and eyJabcdefghij end without a dot.',
    'getsentry.example.com/issues/?query=is:unresolved',
  ]) {
    t.equal(redactSecrets(line), line)
  }
})

test('a path of a log has at most 256 characters', async (t) => {
  t.equal(redactPath('/mcp/tidewater-books'), '/mcp/tidewater-books')
  t.equal(redactPath(`/${'a/'.repeat(1000)}`).length, 256)
  t.ok(redactPath(`/${'eyJ-'.repeat(4000)}`).length <= 256)
})

test('redaction takes no longer for a megabyte than for 8 KiB (CWE-1333; doubled inputs)', async (t) => {
  const repeated = [
    'eyJ-',
    'eyJhbGciOiJFUzI1NiJ9.',
    'Bearer ',
    'rt1.aaaaaaaaaaaaaaaaaaaaaaaa',
    'sk-',
    'a',
    'é ',
  ]
  for (const part of [...repeated, 'a.b.', 'sntrys_', `${'f'.repeat(63)}g`, 'Aa']) {
    for (const redact of [redactSecrets, redactInput]) {
      const [short, doubled, long] = [MAX_LENGTH / 2, MAX_LENGTH, 1024 * 1024].map((length) => {
        // In one piece: a repeated string is put together when it is first read.
        const text = Buffer.alloc(length, part).toString()
        return measure(() => redact(text))
      })
      const name = `${redact.name} of ${part}: ${short}, ${doubled}, ${long} ms`
      t.ok((doubled ?? 0) < 3.5 * (short ?? 0) + 1, name)
      t.ok((long ?? 0) < 6 * (doubled ?? 0) + 1, name)
    }
  }
})

/** The least CPU time of five runs, in ms. */
function measure(work: () => void): number {
  return Math.min(
    ...Array.from({ length: 5 }, () => {
      const before = process.threadCpuUsage()
      work()
      const { user, system } = process.threadCpuUsage(before)
      return (user + system) / 1_000
    }),
  )
}
