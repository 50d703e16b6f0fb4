import { randomBytes } from 'node:crypto'
import { listEntries } from '../sandbox/browser/html-form.ts'
import type { TestClient, Tokens } from './client.ts'

/** Remembers what must not be written anywhere. */
export interface SecretKeeper {
  /** A new secret of the test's own. */
  mint(): string
  keep(...secrets: unknown[]): void
  /** The tokens of an answer, remembered. */
  keepTokens(response: Response): Promise<Tokens>
  /** Remembers what a browser carries: forms, cookies, and what is in the addresses it is sent to. */
  watch(client: TestClient): void
  /** The forms in which a secret could have been written, each with the secret it is of. */
  listForms(): Map<string, string>
}

/** Parameters that are no secrets, or as long as they are only by chance. */
const PUBLIC = new Set(['client_id', 'redirect_uri', 'resource', 'scope', 'iss', 'code_challenge', 'skill'])

export function createSecretKeeper(): SecretKeeper {
  const kept = new Set<string>()
  const clients: TestClient[] = []

  function keep(...secrets: unknown[]): void {
    // What is shorter than that could stand anywhere by chance.
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
      // The parts by which they are known: a signature, a random part.
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
  // Its end depends on what follows.
  const base64 = bytes.toString('base64').slice(0, -4)
  const forms = [secret, encodeURIComponent(secret), base64, bytes.toString('hex'), JSON.stringify(secret)]
  return forms.map((form) => [form, secret])
}
