import Type, { type Static } from 'typebox'
import { hashToken, TOKEN_PATTERN } from '../../crypto/hash.ts'
import type { Skill } from '../../model/skills.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { createOtherBrowserError, PageError } from '../errors.ts'
import { type Cookies, isCsrfToken } from './browser.ts'
import { unwrapTransaction } from './transaction.ts'

export const ConsentFormSchema = Type.Object({
  transaction: Type.String({ pattern: TOKEN_PATTERN }),
  csrf: Type.String({ maxLength: 64 }),
  decision: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  confirmed: Type.Optional(Type.Literal('yes')),
  skill: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 20 })])),
})

export type ConsentForm = Static<typeof ConsentFormSchema>

/**
 * The secret of the browser that the form was made for. Throws `PageError` in any other, or when the transaction has
 * ended, and `StoreUnavailableError`.
 */
export async function requireConsentBrowser(
  form: ConsentForm,
  cookies: Cookies,
  { signer, store, transactionCookies }: Pick<AuthorizationServer, 'signer' | 'store' | 'transactionCookies'>,
): Promise<string> {
  const browserSecret = transactionCookies.read(form.transaction, cookies)
  if (browserSecret === '')
    unwrapTransaction(await store.readTransaction(hashToken(form.transaction), hashToken(browserSecret)))
  if (!isCsrfToken(form.csrf, browserSecret, form.transaction, signer)) throw createOtherBrowserError()
  return browserSecret
}

/**
 * Allowing takes a second gesture: the user has ticked that they connected the client. Throws `PageError`; the
 * transaction stays as it is.
 */
export function assertConfirmed(form: ConsentForm): void {
  if (form.confirmed === undefined) {
    throw new PageError(
      400,
      'You did not confirm that you connected this client yourself.',
      'Go back one page and tick that, or deny.',
    )
  }
}

/** The skills that the user ticked, of those on offer. Throws `PageError` if there are none. */
export function requireSkills(
  form: ConsentForm,
  { offeredSkills }: Pick<AuthorizationServer, 'offeredSkills'>,
): Skill[] {
  const ticked = [form.skill ?? []].flat()
  const skills = [...offeredSkills.keys()].filter((skill) => ticked.includes(skill))
  if (skills.length === 0) {
    throw new PageError(
      400,
      'You ticked nothing, so the client could not do anything.',
      'Go back one page and tick at least one thing, or deny.',
    )
  }
  return skills
}
