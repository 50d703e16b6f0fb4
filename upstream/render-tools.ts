// Writes docs/tools.md from mcp-core: npm run docs:tools
import { writeFileSync } from 'node:fs'
import { renderToolsPage } from './tools-page.ts'

writeFileSync(new URL('../docs/tools.md', import.meta.url), await renderToolsPage())
