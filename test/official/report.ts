import { type ArgumentSet, KINDS } from './argument-sets.ts'
import { type Deviation, OTHER_DEVIATIONS } from './deviations.ts'

interface Comparison {
  sets: readonly ArgumentSet[]
  deviations: readonly Deviation[]
}

/** The text of docs/official.md. */
export function writeReport({ sets, deviations }: Comparison): string {
  const tools = new Set(sets.map(({ name }) => name))
  const kinds = KINDS.map((kind) => `| ${kind} | ${sets.filter((set) => set.kind === kind).length} |`)
  const list = (all: readonly Pick<Deviation, 'title' | 'reason'>[]) =>
    all.map(({ title, reason }) => `| ${title} | ${reason} |`).join('\n')
  return `# Comparison with Sentry's own server

Sentry's tools come from the package of Sentry's own stdio server. \`npm run test:official\` starts that server and this
service in front of the same stand-in for Sentry, calls ${tools.size} tools ${sets.length} times at each, and compares whether a call succeeds,
what it returns, and what it asks of Sentry. It fails on a difference that is not in the table below, which it writes from
\`test/official/deviations.ts\`. The texts of errors are not compared: those of this server are written for a model.

## Deviations

| This server | Why |
|---|---|
${list(deviations)}

These no call of the comparison shows:

| This server | Why |
|---|---|
${list(OTHER_DEVIATIONS)}

## Calls

| Arguments | Calls |
|---|---|
${kinds.join('\n')}
`
}
