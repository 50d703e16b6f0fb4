import { isLoopbackHost } from '../model/loopback.ts'
import { describeRedirectTarget } from '../model/redirect-uri.ts'
import { SKILLS, type Skill } from '../model/skills.ts'
import { type Html, html } from './html.ts'
import { renderPage } from './layout.ts'

export interface Consent {
  /** The URL that the form is posted to. */
  action: string
  transactionId: string
  csrfToken: string
  clientName: string
  /** The host that publishes the client's metadata document; undefined if nothing verifies its name. */
  verifiedHost: string | undefined
  redirectUri: string
  sentryHost: string
  /** The limits of the resource. */
  organization: string | undefined
  project: string | undefined
  /** Whether this server offers only what reads. */
  isReadOnly: boolean
  /** The skills that a user can grant, and whether each is ticked. */
  skills: ReadonlyMap<Skill, boolean>
}

/** The page that asks a user whether a client may act for them at Sentry. One form, two buttons, no script. */
export function renderConsentPage(consent: Consent): string {
  return renderPage(
    `Allow ${consent.clientName} to use Sentry?`,
    html`<h1>Allow “${consent.clientName}” to use Sentry as you?</h1>
<p class="soft">${describeName(consent)} If you did not just connect a client, deny.</p>
<dl>
<div><dt>Sends you to</dt><dd><strong>${describeRedirectTarget(consent.redirectUri)}</strong></dd></div>
<div><dt>Signs you in at</dt><dd><strong>${consent.sentryHost}</strong></dd></div>
<div><dt>Limited to</dt><dd>${describeLimit(consent)}</dd></div>
</dl>
<form method="post" action="${consent.action}">
<input type="hidden" name="transaction" value="${consent.transactionId}">
<input type="hidden" name="csrf" value="${consent.csrfToken}">
<fieldset>
<legend>What it may do</legend>
${[...consent.skills].map(([skill, isTicked]) => renderSkill(skill, isTicked))}
</fieldset>
${consent.isReadOnly ? html`<p>This server is read-only: a client cannot change anything at Sentry through it.</p>` : html``}
<p class="soft">It never gets more than your own permissions at Sentry, and never your Sentry password or token.</p>
<div class="actions">
<button name="decision" value="deny">Deny</button>
<button name="decision" value="allow" class="primary">Allow</button>
</div>
</form>`,
  )
}

function renderSkill(skill: Skill, isTicked: boolean): Html {
  const { title, description } = SKILLS[skill]
  return html`<label><input type="checkbox" name="skill" value="${skill}"${isTicked ? html` checked` : ''}><span>${title}<small>${description}</small></span></label>
`
}

/** A host vouches for a name, but every program on a user's computer can use it (MCP authorization, CIMD). */
function describeName({ verifiedHost, redirectUri }: Consent): Html {
  if (verifiedHost === undefined) {
    return html`Not verified: the client chose this name itself.`
  }
  const caution = isLoopbackHost(new URL(redirectUri).hostname)
    ? ' It runs on your computer, where other programs could use the same name.'
    : ''
  return html`Verified: the name is published by <strong>${verifiedHost}</strong>.${caution}`
}

/** The limits of a resource, in words. */
export function describeLimit({ organization, project }: Pick<Consent, 'organization' | 'project'>): Html {
  if (organization === undefined) return html`everything you can see at Sentry`
  if (project === undefined) return html`organization <strong>${organization}</strong>`
  return html`project <strong>${project}</strong> of organization <strong>${organization}</strong>`
}
