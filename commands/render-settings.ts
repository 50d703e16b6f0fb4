// Writes docs/settings.md, .env.example and the rows of the README from the settings: npm run docs:settings
import { readFileSync, writeFileSync } from 'node:fs'
import { renderEnvExample, renderReadme, renderSettingsPage } from '../lib/config/documents.ts'

const ROOT = new URL('..', import.meta.url)

update('docs/settings.md', renderSettingsPage)
update('README.md', renderReadme)
update('.env.example', renderEnvExample)

function update(name: string, render: (content: string) => string): void {
  const file = new URL(name, ROOT)
  writeFileSync(file, render(readFileSync(file, 'utf8')))
}
