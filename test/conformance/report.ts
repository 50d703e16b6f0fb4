import { readFileSync } from 'node:fs'
import type { Outcome } from './assess.ts'
import { AUTHORIZATION_REVISIONS, EXEMPTIONS, type Revision, SERVER_REVISIONS } from './scenarios.ts'
import { SUITE_VERSION } from './suite.ts'

export interface Report {
  sentry: readonly Outcome[]
  diagnostic: readonly Outcome[]
  authorization: readonly Outcome[]
}

const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  dependencies: Record<string, string>
}

const VERSIONS = [
  ['@modelcontextprotocol/conformance', SUITE_VERSION],
  ['@modelcontextprotocol/server', dependencies['@modelcontextprotocol/server']],
  ['@sentry/mcp-core', dependencies['@sentry/mcp-core']?.split('@').at(-1)],
] as const

/** The page about the results. The same results make the same page. */
export function writeReport({ sentry, diagnostic, authorization }: Report): string {
  return `# Conformance

Written by \`npm run conformance\`; do not edit. That command runs the Model Context Protocol's own conformance suite
against the whole service: signed in, with a Sentry of our own behind it, everything on loopback, in less than two
minutes. It ends with 1 when anything is not as it stands here. What is asked of each scenario, and what is excused,
is in \`test/conformance/scenarios.ts\`; a check that is excused and yet met is an error too. CI runs it and then
\`git diff --exit-code docs/conformance.md\`.

| Package | Version |
|---|---|
${VERSIONS.map(([name, version]) => `| \`${name}\` | ${version} |`).join('\n')}

A cell says how many checks are met, and of how many; it is empty where a revision does not have the scenario.
Advice counts like the rest. The suite has no scenarios for servers of 2024-11-05 and 2025-03-26, whose own rules are
covered by \`test/routes/mcp.test.ts\`.

## The service as it is

With Sentry's tools, through a proxy on loopback that adds the access token to each request.

${writeTable(sentry, SERVER_REVISIONS)}

## The same service with diagnostic tools

Some scenarios call tools by name. Those are in \`test/conformance/diagnostic-tools.ts\`, and take the place of
Sentry's in the same plugins.

${writeTable(diagnostic, SERVER_REVISIONS)}

## The authorization server

A registered client signs in with a scripted browser: consent page, Sentry's page, and the way back.

${writeTable(authorization, AUTHORIZATION_REVISIONS)}

## What does not apply

${EXEMPTIONS.map(({ names, because }) => `- ${because}\n  ${names.map((name) => `\`${name}\``).join(', ')}`).join('\n')}
`
}

function writeTable(outcomes: readonly Outcome[], revisions: readonly Revision[]): string {
  const rows = [...Map.groupBy(outcomes, ({ scenario }) => scenario)].map(([{ name, because }, found]) => {
    const cells = revisions.map((revision) =>
      writeCell(found.find((outcome) => outcome.revision === revision)),
    )
    const isWhole = found.every(({ unmet }) => unmet.length === 0)
    return [`\`${name}\``, ...cells, isWhole ? '' : (because ?? 'Unexpected.')]
  })
  return [
    ['Scenario', ...revisions, 'What is not met'],
    ['---', ...revisions.map(() => '---'), '---'],
    ...rows,
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function writeCell(outcome: Outcome | undefined): string {
  return outcome === undefined ? '' : `${outcome.met}/${outcome.met + outcome.unmet.length}`
}
