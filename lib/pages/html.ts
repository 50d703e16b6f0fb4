/** HTML, which is not escaped again. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * A template whose values are escaped, for elements and for quoted attributes. Values of `Html`, and lists of them, are
 * inserted unchanged.
 */
export function html(strings: TemplateStringsArray, ...values: (string | Html | Html[])[]): Html {
  return new Html(strings.map((text, index) => text + formatValue(values[index])).join(''))
}

function formatValue(value: string | Html | Html[] | undefined): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  return Array.isArray(value) ? value.map((item) => item.text).join('') : escapeHtml(value)
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

/** One line of Markdown with nothing but `code` and *emphasis*, as HTML. */
export function renderInline(text: string): Html {
  const parts = text.split(/(`[^`]+`|\*[^*]+\*)/).map((part) => {
    if (part.startsWith('`')) return html`<code>${part.slice(1, -1)}</code>`
    return part.startsWith('*') ? html`<em>${part.slice(1, -1)}</em>` : html`${part}`
  })
  return html`${parts}`
}
