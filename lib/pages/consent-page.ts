import { splitRedirectUri } from '../model/redirect-uri.ts'
import { SKILLS, type Skill } from '../model/skills.ts'
import { type Html, html } from './html.ts'
import { renderPage, type Site } from './layout.ts'
import { describeLimit } from './set-up.ts'

/** A skill on offer. */
export interface OfferedSkill {
  isTicked: boolean
  /** How many tools it gives, and how many of them can change something. */
  tools: { all: number; writing: number }
}

export interface Consent {
  /** The URL that the form is posted to. */
  action: string
  transactionId: string
  csrfToken: string
  /** The client's name for itself, normalized. */
  clientName: string
  /** The URL of the client's metadata document; undefined for a client without one. */
  documentUrl: string | undefined
  /** The client's web site, if the host that proves its document also serves that. */
  homepage: string | undefined
  redirectUri: string
  /** The limits of the resource. */
  organization: string | undefined
  project: string | undefined
  /** Whether this server offers only what reads. */
  isReadOnly: boolean
  /** The skills that a user can grant. */
  skills: ReadonlyMap<Skill, OfferedSkill>
}

/**
 * The page that asks a user whether a client may act for them at Sentry. What the client says of itself stands apart
 * from what this server says. Allowing takes two gestures, a tick and a button, so one click that a page beneath has
 * prepared is not enough (double-clickjacking). One form, no script.
 */
export function renderConsentPage(consent: Consent, site: Site): string {
  return renderPage(site, {
    title: 'Allow a client to use Sentry?',
    content: html`<h1>Allow this client to use Sentry as you?</h1>
<figure>
<figcaption>The client calls itself</figcaption>
<p class="name"><bdi>${consent.clientName}</bdi></p>
<p class="soft">This server cannot tell whether that is its real name.</p>
</figure>
<dl>
<div><dt>Sends you to</dt><dd>${renderRedirectUri(consent.redirectUri)}</dd></div>
${renderDocument(consent)}
<div><dt>Signs you in at</dt><dd><strong>${site.sentryHost}</strong></dd></div>
<div><dt>Limited to</dt><dd>${describeLimit(consent, site)}</dd></div>
</dl>
<form method="post" action="${consent.action}">
<input type="hidden" name="transaction" value="${consent.transactionId}">
<input type="hidden" name="csrf" value="${consent.csrfToken}">
<fieldset>
<legend>What it may do</legend>
${[...consent.skills].map(([skill, offered]) => renderSkill(skill, offered))}
</fieldset>
${consent.isReadOnly ? html`<p>This server is read-only: a client cannot change anything at Sentry through it.</p>` : html``}
<p class="soft">It never gets more than your own permissions at Sentry, and never your Sentry password or token. You can take its access back at any time, under <a href="${site.account}">Your connected clients</a>.</p>
<label class="confirm"><input type="checkbox" name="confirmed" value="yes" required><span>I have just connected this client myself<small>If you have not, deny: a link or a web site may have brought you here.</small></span></label>
<div class="actions">
<button name="decision" value="deny" formnovalidate>Deny</button>
<button name="decision" value="allow" class="primary">Allow</button>
</div>
</form>`,
  })
}

function renderSkill(skill: Skill, { isTicked, tools }: OfferedSkill): Html {
  const { title, description } = SKILLS[skill]
  return html`<label><input type="checkbox" name="skill" value="${skill}"${isTicked ? html` checked` : ''}><span>${title}<small>${description} ${describeTools(tools)}</small></span></label>
`
}

function describeTools({ all, writing }: OfferedSkill['tools']): string {
  const count = all === 1 ? '1 tool' : `${all} tools`
  if (writing === 0) return `${count}, all of which only read.`
  return writing === all ? `${count} that can change data.` : `${count}, of which ${writing} can change data.`
}

/**
 * A whole redirect URI: its host in bold, or that it leads to a program. The host alone would say nothing of a redirector
 * or of a storage service, where the path decides who receives the code.
 */
export function renderRedirectUri(uri: string): Html {
  const { before, host, after, isLocal } = splitRedirectUri(uri)
  if (isLocal) {
    return html`<strong>a program on this computer</strong><small class="url">${uri}</small><small>Every program on this computer can use such an address.</small>`
  }
  return html`<span class="url">${before}<strong>${host}</strong>${after}</span>`
}

/** What a document proves: that its host serves it, and no more. Many hosts serve files of other people. */
function renderDocument({ documentUrl, homepage }: Pick<Consent, 'documentUrl' | 'homepage'>): Html {
  if (documentUrl === undefined) return html``
  const { before, host, after } = splitRedirectUri(documentUrl)
  return html`<div><dt>Described at</dt><dd><span class="url">${before}<strong>${host}</strong>${after}</span><small>Everyone who can publish a file there can describe a client so.</small></dd></div>
${homepage === undefined ? html`` : html`<div><dt>Its web site</dt><dd><a class="url" href="${homepage}" rel="noreferrer nofollow">${homepage}</a></dd></div>`}`
}
