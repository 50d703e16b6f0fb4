import { test } from 'tap'
import { acceptsMarkdown, acceptsPage } from '../../../lib/http/accept.ts'

const CHROMIUM =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7'

test('a browser names HTML; clients of protocols name JSON or a stream, and programs neither (RFC 9110 §12.5.1)', async (t) => {
  const cases: [accept: string | undefined, page: boolean, markdown: boolean][] = [
    [CHROMIUM, true, false],
    ['text/html', true, false],
    ['TEXT/HTML;q=0.5', true, false],
    ['text/html;q=0', false, false],
    ['text/*', false, false],
    ['*/*', false, false],
    [undefined, false, false],
    ['application/json, text/event-stream', false, false],
    ['application/json, text/html', false, false],
    ['text/html, application/json;q=0.9', true, false],
    ['text/markdown', false, true],
    ['text/markdown, text/html, */*', true, true],
    ['text/html, text/markdown;q=0.9', true, false],
    ['text/plain', false, false],
  ]
  for (const [accept, page, markdown] of cases) {
    t.equal(acceptsPage(accept), page, `page: ${accept}`)
    t.equal(acceptsMarkdown(accept), markdown, `Markdown: ${accept}`)
  }
})
