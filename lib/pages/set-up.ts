import { createResource, isSlug } from '../model/resource.ts'
import type { Connection } from './client-setup.ts'
import { type Html, html } from './html.ts'
import type { Site } from './layout.ts'

/** The fields of the set-up page, as a browser sends them. */
export interface SetUpFields {
  organization?: string
  project?: string
  readonly?: string
}

/** What a user wants to set up. Fields that are wrong are shown again, and limit nothing. */
export interface SetUp {
  baseUrl: string
  organization: string
  project: string
  isReadOnly: boolean
  problem: { field: 'organization' | 'project'; sentence: string } | undefined
  /** What the connection is limited to, in words; undefined if it is not limited. */
  limit: Html | undefined
  connection: Connection
}

/** Reads the fields of the set-up page. */
export function readSetUp(fields: SetUpFields, baseUrl: string): SetUp {
  const organization = fields.organization?.trim() ?? ''
  const project = fields.project?.trim() ?? ''
  const isReadOnly = fields.readonly === '1'
  const problem = findProblem(organization, project)
  const isLimited = problem === undefined && organization !== ''
  const resource = isLimited
    ? createResource(baseUrl, organization, project === '' ? undefined : project)
    : createResource(baseUrl)
  const url = resource?.url ?? `${baseUrl}/mcp`
  return {
    ...{ baseUrl, organization, project, isReadOnly, problem },
    limit: describeSetUp(isLimited ? organization : '', project, isReadOnly),
    connection: isReadOnly ? { name: 'sentry-read', url: `${url}?readonly=1` } : { name: 'sentry', url },
  }
}

function findProblem(organization: string, project: string): SetUp['problem'] {
  if (organization === '' && project !== '')
    return { field: 'organization', sentence: 'A project needs its organization: enter that too.' }
  for (const [field, slug] of [
    ['organization', organization],
    ['project', project],
  ] as const) {
    if (slug === '' || isSlug(slug)) continue
    const sentence = `${slug} cannot be the slug of the ${field}. Slugs are in the addresses of Sentry’s pages, and have only letters, digits, dashes and underscores.`
    return { field, sentence }
  }
  return undefined
}

/** The limits of a connection, in words. */
function describeSetUp(organization: string, project: string, isReadOnly: boolean): Html | undefined {
  const part =
    organization === '' ? undefined : describePart(organization, project === '' ? undefined : project)
  const reading = isReadOnly ? html`tools that change nothing` : undefined
  if (part === undefined || reading === undefined) return part ?? reading
  return html`${part} and to ${reading}`
}

/** The limits of a resource, in words. */
export function describeLimit(
  { organization, project }: { organization: string | undefined; project: string | undefined },
  { everything }: Pick<Site, 'everything'>,
): Html {
  return organization === undefined ? html`${everything}` : describePart(organization, project)
}

function describePart(organization: string, project: string | undefined): Html {
  if (project === undefined) return html`organization <strong>${organization}</strong>`
  return html`project <strong>${project}</strong> of organization <strong>${organization}</strong>`
}
