/** A form of a page, as much of it as a sign-in needs. */
export interface HtmlForm {
  action: URL
  method: 'GET' | 'POST'
  fields: Field[]
  buttons: Button[]
}

export interface Field {
  name: string
  value: string
  type: string
  /** Only of check boxes and radio buttons; everything else is always sent. */
  checked: boolean
  /** A browser does not send a form whose required boxes are not checked, except by a `formnovalidate` button. */
  required: boolean
}

export interface Button {
  name: string | undefined
  value: string
  /** Its text. */
  label: string
  /** Whether it sends the form as it is (`formnovalidate`). */
  skipsValidation: boolean
}

/** The forms of a page at `url`, in order. */
export function parseForms(html: string, url: URL): HtmlForm[] {
  const forms = html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)
  return [...forms].map(([, tag = '', content = '']) => {
    const attributes = parseAttributes(tag)
    return {
      action: new URL(attributes.get('action') || url, url),
      method: attributes.get('method')?.toLowerCase() === 'post' ? 'POST' : 'GET',
      fields: parseFields(content),
      buttons: parseButtons(content),
    }
  })
}

/** What a browser sends for a form when that button is pressed (HTML, "constructing the entry list"). */
export function listEntries(form: HtmlForm, button: Button): [string, string][] {
  const fields = form.fields.filter(
    ({ name, type, checked }) => name !== '' && (!isCheckable(type) || checked),
  )
  const entries = fields.map(({ name, value }): [string, string] => [name, value])
  return button.name === undefined ? entries : [...entries, [button.name, button.value]]
}

/** A required box that keeps a browser from sending the form when that button is pressed. */
export function findUnchecked(form: HtmlForm, button: Button): Field | undefined {
  if (button.skipsValidation) return undefined
  return form.fields.find(({ type, required, checked }) => type === 'checkbox' && required && !checked)
}

/** Ticks the required boxes of a form, as its user does. */
export function tickRequired(form: HtmlForm): HtmlForm {
  const fields = form.fields.map((field) => (field.required ? { ...field, checked: true } : field))
  return { ...form, fields }
}

function parseFields(html: string): Field[] {
  return [...html.matchAll(/<input\b([^>]*)>/gis)].flatMap(([, tag = '']) => {
    const attributes = parseAttributes(tag)
    const type = attributes.get('type')?.toLowerCase() ?? 'text'
    if (attributes.has('disabled') || type === 'submit' || type === 'button') return []
    return [
      {
        name: attributes.get('name') ?? '',
        value: attributes.get('value') ?? (isCheckable(type) ? 'on' : ''),
        type,
        checked: attributes.has('checked'),
        required: attributes.has('required'),
      },
    ]
  })
}

function parseButtons(html: string): Button[] {
  const buttons = html.matchAll(
    /<button\b([^>]*)>(.*?)<\/button>|<input\b([^>]*\btype=["']?submit\b[^>]*)>/gis,
  )
  return [...buttons].flatMap(([, buttonTag, content = '', inputTag = '']) => {
    const attributes = parseAttributes(buttonTag ?? inputTag)
    if (attributes.has('disabled') || (attributes.get('type')?.toLowerCase() ?? 'submit') !== 'submit')
      return []
    const label =
      buttonTag === undefined ? (attributes.get('value') ?? '') : content.replaceAll(/<[^>]*>/g, '')
    return [
      {
        name: attributes.get('name'),
        value: attributes.get('value') ?? '',
        label: decode(label).trim(),
        skipsValidation: attributes.has('formnovalidate'),
      },
    ]
  })
}

function parseAttributes(tag: string): Map<string, string> {
  const attributes = tag.matchAll(/([^\s=/"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)
  return new Map(
    [...attributes].map(([, name = '', double, single, bare]) => [
      name.toLowerCase(),
      decode(double ?? single ?? bare ?? ''),
    ]),
  )
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }

function decode(text: string): string {
  return text.replaceAll(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, entity: string) => {
    if (entity.startsWith('#x') || entity.startsWith('#X'))
      return String.fromCodePoint(Number.parseInt(entity.slice(2), 16))
    if (entity.startsWith('#')) return String.fromCodePoint(Number(entity.slice(1)))
    return ENTITIES[entity.toLowerCase()] ?? whole
  })
}

function isCheckable(type: string): boolean {
  return type === 'checkbox' || type === 'radio'
}
