import Type, { type Static } from 'typebox'
import type { AuthorizationServer } from '../authorization-server.ts'
import { checkCsrfToken, createCsrfToken } from '../authorize/browser.ts'
import { checkSameOrigin } from '../authorize/consent.ts'
import { PageError } from '../page-error.ts'

/** Takes the place that the transaction has on a consent page. */
const CSRF_SUBJECT = 'account'

/** A form of the account page that is nothing but its button. */
export const AccountFormSchema = Type.Object({ csrf: Type.String({ maxLength: 64 }) })

/** The form with the connected clients: one button for each grant, and one for all. */
export const RevocationFormSchema = Type.Object({
  ...AccountFormSchema.properties,
  grant: Type.Union([Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }), Type.Literal('all')]),
})

/** What the forms of the account page carry in this browser. */
export function createAccountCsrfToken(browserSecret: string, server: AuthorizationServer): string {
  return createCsrfToken(browserSecret, CSRF_SUBJECT, server.signer)
}

/** The form comes from our account page in this browser. Returns the browser's secret. */
export function checkAccountForm(
  form: Static<typeof AccountFormSchema>,
  headers: Parameters<typeof checkSameOrigin>[0],
  browserSecret: string | undefined,
  server: AuthorizationServer,
): string {
  checkSameOrigin(headers, server)
  const isOurs =
    browserSecret !== undefined && checkCsrfToken(form.csrf, browserSecret, CSRF_SUBJECT, server.signer)
  if (!isOurs) throw new PageError(403, 'The account page is too old.', 'Open it again and repeat.')
  return browserSecret
}
