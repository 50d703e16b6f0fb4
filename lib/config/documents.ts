import type { Setting } from './setting.ts'
import { SETTING_GROUPS } from './settings.ts'

/** The longest line of a comment in `.env.example`. */
const WIDTH = 116

const HEADER = '| Setting | Default | | Should be |\n|---|---|---|---|'

const ENV_HEADER = `# Settings of the Sentry MCP server. Copy this file to .env and fill in what is empty; docs/settings.md explains each.
# \`npm run docs:settings\` writes this file.
`

/** The variables that only compose.yaml reads. */
const COMPOSE = `${renderHeading('Compose only')}
# The password of the Valkey that compose.yaml starts; generate one with: openssl rand -hex 32
VALKEY_PASSWORD=
# The folder with the certificate of the nginx profile. That profile needs TRUST_PROXY=uniquelocal as well.
# TLS_DIR=./tls
`

/**
 * The page of settings with its tables brought up to date: below the heading of each group, the table of its settings
 * replaces the one that is there. All other text of `page` is kept. Throws where a heading is missing.
 */
export function renderSettingsPage(page: string): string {
  const sections = page.split(/^(?=## )/m)
  const [intro = '', ...others] = sections
  const titles = others.map((section) => section.slice(3, section.indexOf('\n')))
  const missing = Object.keys(SETTING_GROUPS).filter((title) => !titles.includes(title))
  if (missing.length > 0) throw new Error(`docs/settings.md has no heading for ${missing.join(', ')}.`)
  return [intro, ...others.map((section, index) => renderSection(section, titles[index] ?? ''))].join('')
}

function renderSection(section: string, title: string): string {
  const settings = SETTING_GROUPS[title]
  if (settings === undefined) return section
  const rows = Object.entries(settings).map(([name, setting]) => renderRow(name, setting))
  const text = section.slice(section.indexOf('\n')).replace(/^\n+(\|.*\n)*/, '')
  return `## ${title}\n\n${[HEADER, ...rows].join('\n')}\n${text}`
}

/** The README with every row of a setting brought up to date. */
export function renderReadme(readme: string): string {
  const settings = Object.assign({}, ...Object.values(SETTING_GROUPS))
  return readme.replace(/^\| `([A-Z][A-Z0-9_]+)` \|.*$/gm, (row, name) => {
    const setting = settings[name]
    return setting === undefined ? row : renderRow(name, setting)
  })
}

/** The row of a setting in a table of Markdown. */
export function renderRow(name: string, setting: Setting<unknown>): string {
  const fallback = renderDefault(setting)
  const shown = setting.required ? 'required' : fallback && `\`${fallback}\``
  // Two stars in a row of a table would be emphasis.
  const texts = [setting.purpose, setting.expected].map((text) => text.replaceAll('*', '\\*'))
  return `| ${[`\`${name}\``, shown, ...texts].join(' | ')} |`
}

/** The content of `.env.example`. */
export function renderEnvExample(): string {
  const groups = Object.entries(SETTING_GROUPS).map(([title, settings]) => {
    const entries = Object.entries(settings).map(([name, setting]) => renderEntry(name, setting))
    return `${renderHeading(title)}\n${entries.join('\n')}\n`
  })
  return [ENV_HEADER, ...groups, COMPOSE].join('\n')
}

function renderHeading(title: string): string {
  return `# --- ${title} `.padEnd(WIDTH, '-').concat('\n')
}

/** A setting that has to be given stands there to be filled in; the others are comments that show the default. */
function renderEntry(name: string, setting: Setting<unknown>): string {
  const { purpose, expected, required, example } = setting
  const comments = expected === 'text' ? [purpose] : [purpose, `Value: ${expected}`]
  const line = `${name}=${example ?? renderDefault(setting)}`
  return [...comments.map(wrap), required && example !== undefined ? line : `# ${line}`].join('\n')
}

function renderDefault({ default: value }: Setting<unknown>): string {
  return Array.isArray(value) ? value.join(',') : String(value ?? '')
}

/** The text as lines of a comment. */
function wrap(text: string): string {
  const lines: string[] = []
  let line = '#'
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line].join('\n')
}
