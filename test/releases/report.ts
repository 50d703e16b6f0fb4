import type { ToolRun } from '../../commands/doctor/run-tool.ts'

type Columns = ReadonlyMap<string, ReadonlyMap<string, ToolRun>>

const WORDS = {
  works: 'works',
  detour: 'detour',
  lacks: 'says why not',
  hidden: 'not offered',
  fails: '**fails**',
}

/** docs/sentry-releases.md: every tool at every release, and the sentences and detours that it names. */
export function describeMatrix(columns: Columns): string {
  const releases = [...columns.keys()]
  const rows = [...new Set([...columns.values()].flatMap((runs) => [...runs.keys()]))]
  const findRun = (release: string, row: string) => columns.get(release)?.get(row)
  const table = rows.map((row) => {
    const cells = releases.map((release) => WORDS[findRun(release, row)?.outcome ?? 'fails'])
    return `| \`${row.replace(' (', '` (')}${row.includes(' (') ? '' : '`'} | ${cells.join(' | ')} |`
  })
  return `${INTRODUCTION}
## Tools by release

| Tool | ${releases.join(' | ')} |
|---|${releases.map(() => '---|').join('')}
${table.join('\n')}

## Detours

A read that a release lacks is replaced by another one that it has. Writes are never replaced. What an organization's
Sentry lacks is remembered for five minutes, so that a detour costs one request.

| Detour | Tools, and the releases at which they take it |
|---|---|
${describeDetours(columns).join('\n')}

## What tools say

| Release | Tools | Sentence |
|---|---|---|
${describeSentences(columns).join('\n')}
`
}

const INTRODUCTION = `# Releases of Sentry

Self-hosted Sentry is often one to two years old, and has features switched off. The main tools work from **24.8.0** on.
\`npm run test:releases\` writes this page: it calls every tool at a stand-in for each release, with the features that
the example configuration of that release switches on. sentry.io has everything.

- **works**: as at the newest release.
- **detour**: with data of another route ([Detours](#detours)).
- **says why not**: Sentry does not have it, and the tool names the release and the feature that it needs.
- **not offered**: the release cannot serve the tool at all, so it is not listed. The 21 tools of the
  [README](../README.md#tools) are always offered.

An upgrade of Sentry keeps the former \`sentry.conf.py\`, which may lack the switches of newer features.
\`npm run doctor\` names them. With a token of yours in \`SENTRY_AUTH_TOKEN\`, \`npm run doctor -- --tools\` calls every
tool that only reads at your Sentry, and prints routes, statuses and missing fields, but no data: attach its output to a
report.

Links in results lead to pages of Sentry from 2025 on. Releases before may show "not found" for some of them.
`

function describeDetours(columns: Columns): string[] {
  const found = new Map<string, Map<string, string[]>>()
  for (const [release, runs] of columns) {
    for (const [row, { detours }] of runs) {
      for (const detour of new Set(detours)) {
        const tools = found.get(detour) ?? new Map<string, string[]>()
        tools.set(row, [...(tools.get(row) ?? []), release])
        found.set(detour, tools)
      }
    }
  }
  return [...found].map(([detour, tools]) => {
    const groups = Map.groupBy(tools, ([, releases]) => releases.join(', '))
    const parts = [...groups].map(
      ([releases, members]) => `${members.map(([row]) => quote(row)).join(', ')} (${releases})`,
    )
    return `| ${detour} | ${parts.join('; ')} |`
  })
}

function describeSentences(columns: Columns): string[] {
  return [...columns].flatMap(([release, runs]) => {
    const lacking = [...runs].filter(([, { outcome }]) => outcome === 'lacks')
    const groups = Map.groupBy(lacking, ([, { sentence }]) => sentence ?? '')
    return [...groups].map(
      ([sentence, rows]) => `| ${release} | ${rows.map(([row]) => quote(row)).join(', ')} | ${sentence} |`,
    )
  })
}

function quote(row: string): string {
  const [tool, ...rest] = row.split(' ')
  return [`\`${tool}\``, ...rest].join(' ')
}
