import { randomBytes } from 'node:crypto'
import { listEntries } from '../sandbox/browser/html-form.ts'
import type { TestClient, Tokens } from './client.ts'

/** Collects secrets, which no output may contain. */
export interface SecretKeeper {
  /** Creates a secret. */
  mint(): string
  keep(...secrets: unknown[]): void
  /** Reads the tokens of a response and keeps them. */
  keepTokens(response: Response): Promise<Tokens>
  /** Keeps the secrets of a client's browser: form fields, cookies, and query parameters. */
  watch(client: TestClient): void
  /** The encodings in which a secret may be written, each with its secret. */
  listForms(): Map<string, string>
}

/** Parameters that are not secret. */
const PUBLIC = new Set(['client_id', 'redirect_uri', 'resource', 'scope', 'iss', 'code_challenge', 'skill'])

export function createSecretKeeper(): SecretKeeper {
  const kept = new Set<string>()
  const clients: TestClient[] = []

  function keep(...secrets: unknown[]): void {
    // Shorter values may occur in the output by chance.
    for (const secret of secrets) if (typeof secret === 'string' && secret.length > 15) kept.add(secret)
  }

  function watch(client: TestClient): void {
    clients.push(client)
    keep(client.verifier)
    const { browser } = client
    const { submit } = browser
    browser.submit = (page, form, button) => {
      keepParameters(listEntries(form, button))
      return submit(page, form, button)
    }
  }

  function keepParameters(parameters: Iterable<[string, string]>): void {
    for (const [name, value] of parameters) if (!PUBLIC.has(name)) keep(value)
  }

  function keepTravels({ browser }: TestClient): void {
    for (const { value } of browser.jar.list()) keep(value)
    for (const { url, location } of browser.chain) {
      for (const address of [url, location]) {
        if (address !== undefined) keepParameters(new URL(address, url).searchParams)
      }
    }
  }

  return {
    mint() {
      const secret = randomBytes(24).toString('base64url')
      kept.add(secret)
      return secret
    },
    keep,
    async keepTokens(response) {
      const tokens = (await response.json()) as Tokens
      // The parts that identify them: the signature, the random part.
      for (const token of [tokens.access_token, tokens.refresh_token]) {
        keep(token, token.split('.')[2])
      }
      return tokens
    },
    watch,
    listForms() {
      for (const client of clients) keepTravels(client)
      return new Map([...kept].flatMap(writeForms))
    },
  }
}

function writeForms(secret: string): [string, string][] {
  const bytes = Buffer.from(secret)
  // Without the last characters, which depend on what follows.
  const base64 = bytes.toString('base64').slice(0, -4)
  const forms = [secret, encodeURIComponent(secret), base64, bytes.toString('hex'), JSON.stringify(secret)]
  return forms.map((form) => [form, secret])
}
