import Type, { type Static } from 'typebox'
import type { Skill } from '../../model/skills.ts'
import type { TransactionOutcome } from '../../store/store.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { createExpiredError, createOtherBrowserError, PageError, START_AGAIN } from '../page-error.ts'
import { checkCsrfToken } from './browser.ts'

export const ConsentFormSchema = Type.Object({
  transaction: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  csrf: Type.String({ maxLength: 64 }),
  decision: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  skill: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 20 })])),
})

export type ConsentForm = Static<typeof ConsentFormSchema>

/**
 * The form comes from our own page: by its Origin, or, where a browser sends none, by Sec-Fetch-Site. Without
 * either there is no telling, and the answer is no.
 */
export function checkSameOrigin(
  headers: { origin?: string; 'sec-fetch-site'?: string | string[] },
  server: AuthorizationServer,
): void {
  const isOwn =
    headers.origin === undefined
      ? headers['sec-fetch-site'] === 'same-origin'
      : headers.origin === server.endpoints.origin
  if (!isOwn) throw new PageError(403, 'The form did not come from a page of this server.', START_AGAIN)
}

/** The form was made for this browser and this transaction. Returns the browser's secret. */
export function checkBrowser(
  form: ConsentForm,
  browserSecret: string | undefined,
  server: AuthorizationServer,
): string {
  if (browserSecret === undefined) throw createOtherBrowserError()
  if (!checkCsrfToken(form.csrf, browserSecret, form.transaction, server.signer))
    throw createOtherBrowserError()
  return browserSecret
}

/** What a transaction seals. Throws `PageError` where it is not there for this browser and this stage. */
export function expectTransaction(outcome: TransactionOutcome): string {
  switch (outcome.outcome) {
    case 'ok':
      return outcome.sealed
    case 'other_browser':
      throw createOtherBrowserError()
    case 'missing':
    case 'not_approved':
      throw createExpiredError()
  }
}

/** The skills that were ticked, out of those on offer. */
export function readSkills(form: ConsentForm, server: AuthorizationServer): Skill[] {
  const ticked = [form.skill ?? []].flat()
  const skills = [...server.offeredSkills.keys()].filter((skill) => ticked.includes(skill))
  if (skills.length === 0) {
    throw new PageError(
      400,
      'Nothing was ticked, so the client could do nothing.',
      'Go back one page and tick at least one thing, or deny.',
    )
  }
  return skills
}
