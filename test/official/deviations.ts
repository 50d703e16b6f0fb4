import { showsOutsideData } from '../../lib/mcp/tools/outside-data.ts'
import { MAX_RESULT_BYTES } from '../../lib/mcp/tools/result-size.ts'
import type { ArgumentSet } from './argument-sets.ts'
import type { Difference, Outcome } from './compare.ts'

/** A difference from Sentry's own server that is meant. */
export interface Deviation {
  /** What differs, as a sentence about this server. */
  title: string
  reason: string
  explains(difference: Difference): boolean
}

const LOOK_UP = /^GET \/api\/0\/organizations\/[^/]+\/ /

function isLinkWithoutOrganization(set: ArgumentSet): boolean {
  const url = URL.parse(String(set.argument === undefined ? '' : set.arguments[set.argument]))
  return (
    url !== null && !/(^|\.)sentry\.io$/.test(url.hostname) && !url.pathname.startsWith('/organizations/')
  )
}

/** The results of search_sentry_tools without what is about regions. */
function withoutRegions({ content }: Outcome): string {
  const { structuredContent } = JSON.parse(content) as { structuredContent?: object }
  return JSON.stringify(structuredContent, (name, value) => (name === 'regionUrl' ? undefined : value))
}

/** The backslashes that this server writes before what would open a block of Markdown. */
function withoutEscapes({ content }: Outcome): string {
  return content.replaceAll(/\\\\(?=[#=|:`~<-])/g, '')
}

function readTexts({ content }: Outcome): string[] {
  const { content: parts } = JSON.parse(content) as { content: { text?: string }[] }
  return parts.map(({ text = '' }) => text)
}

/** Whether the texts are the same, except that the long ones have no end. */
function isCut(whole: readonly string[], cut: readonly string[]): boolean {
  return (
    whole.length === cut.length &&
    whole.every((text, index) => {
      const head = cut[index] ?? ''
      return (
        text === head || (Buffer.byteLength(text) > MAX_RESULT_BYTES && text.startsWith(head) && head !== '')
      )
    })
  )
}

/**
 * The one table of what this server does otherwise than Sentry's own. `npm run test:official` fails on a difference that
 * none of these explains and on one that explains nothing, and writes docs/official.md from them.
 */
export const DEVIATIONS: readonly Deviation[] = [
  {
    title: 'A self-hosted Sentry has no regions, so `regionUrl` is in no schema and is ignored.',
    reason:
      'An organization may report its own http address as a region, which mcp-core refuses, or one at sentry.io, to which it would send the token.',
    explains: ({ set, what, official, ours }) =>
      set.argument === 'regionUrl' ||
      (set.name === 'search_sentry_tools' &&
        what === 'content' &&
        withoutRegions(official) === withoutRegions(ours)),
  },
  {
    title: 'The region of an organization is not looked up before traces, replays and profiles.',
    reason: 'A self-hosted Sentry has none, so the request is saved.',
    explains: ({ what, official, ours }) =>
      what === 'requests' &&
      official.requests.filter((request) => !LOOK_UP.test(request)).join() === ours.requests.join(),
  },
  {
    title:
      'On a host that is not sentry.io, only `/organizations/<slug>/` in a link names an organization; any other link is one to the given organization, or to that of the connection.',
    reason:
      'mcp-core takes the first label of the host, or the first segment of the path, for an organization, which fails for links of a self-hosted Sentry.',
    explains: ({ set, what }) =>
      set.kind === 'a link' && what !== 'content' && isLinkWithoutOrganization(set),
  },
  {
    title: 'Null for an optional argument counts as absent.',
    reason:
      "OpenAI's strict mode and some clients send every argument, with null for those that have no value.",
    explains: ({ set, what, official }) =>
      set.kind === 'null for an optional argument' && official.failed && what !== 'content',
  },
  {
    title: 'An empty text where only an id, a slug or a URL can stand counts as absent.',
    reason: 'Clients with forms send the empty fields too.',
    explains: ({ set }) => set.kind === 'an empty text for an optional argument',
  },
  {
    title: 'An unknown argument is an error that names the nearest one.',
    reason: 'Ignored, a misspelled filter gives an unfiltered result that looks filtered.',
    explains: ({ set, what, ours }) =>
      set.kind === 'an unknown argument' && (what === 'outcome' || what === 'requests') && ours.failed,
  },
  {
    title:
      'Text with data from outside stands between two marks with a random number, and `_meta` labels it.',
    reason:
      'Strangers write into events and issues; a model has to see where their words begin and end. The comparison is of the text between the marks.',
    explains: ({ what, set, ours }) => what === 'marks' && showsOutsideData(set.name) && ours.isMarked,
  },
  {
    title:
      'In what Sentry responds, hidden characters are shown as `⟨U+202E⟩`, and keys, names and titles are one line that opens no block of Markdown.',
    reason:
      'Models read what a person does not see, and a name could write a heading. Here it is the span `<CartSummary>`, which a backslash precedes.',
    explains: ({ what, official, ours }) =>
      what === 'content' && withoutEscapes(official) === withoutEscapes(ours),
  },
  {
    title: 'A result of more than 100 KB is cut and says how much is left out and where the rest is.',
    reason: 'Clients cut longer results silently, put them into files or refuse them.',
    explains: ({ what, official, ours }) => what === 'content' && isCut(readTexts(official), readTexts(ours)),
  },
]

/** What this server does otherwise where no call of the comparison shows it. */
export const OTHER_DEVIATIONS: readonly Pick<Deviation, 'title' | 'reason'>[] = [
  {
    title:
      '`read_sentry_tool` executes tools that change nothing, and descriptions and suggested calls name it for them; listed tools have hints for clients in `_meta`.',
    reason: 'A client can let reading through without a question, and ask before what is hard to undo.',
  },
  {
    title: 'The JSON of an object or list stands for it; a tool without arguments shows one that is ignored.',
    reason:
      'Some clients send nested arguments as text, Gemini refuses an object without members, and it fills in named members only.',
  },
  {
    title: 'The model behind an AI-powered tool gets the results of its tools between marks too.',
    reason: 'It reads the same data of strangers, without the text that this server writes around results.',
  },
  {
    title:
      '`use_sentry` names the tools that fit the request if its AI provider fails before it has called one.',
    reason: 'The client can go on without the provider.',
  },
]
