import { test } from 'tap'
import type { Skill } from '../../../../lib/model/skills.ts'
import { addChoice, preselectSkills, readChoice } from '../../../../lib/oauth/authorize/skill-choice.ts'

test('the cookie stays small with any number of clients (PrefectHQ/fastmcp#3784)', async (t) => {
  let cookie: string | undefined
  for (let count = 0; count < 100; count += 1) cookie = addChoice(cookie, `client ${count}`, ['inspect'])
  t.ok((cookie ?? '').length < 400)
  t.same(readChoice(cookie, 'client 99'), ['inspect'], 'the latest is remembered')
  t.equal(readChoice(cookie, 'client 0'), undefined, 'the oldest is not')
})

test('a malformed cookie is ignored', async (t) => {
  for (const cookie of [undefined, '', '~~', 'a.b', `${'x'.repeat(12)}.2222`, '__proto__.1111']) {
    t.equal(readChoice(cookie, 'client'), undefined, String(cookie))
  }
})

test('a remembered choice ticks only offered skills that the scopes cover', async (t) => {
  const offered = new Map<Skill, boolean>([
    ['inspect', true],
    ['triage', true],
  ])
  const remembered: Skill[] = ['inspect', 'triage', 'seer']
  t.same(
    [...preselectSkills(offered, ['org:read'], remembered)],
    [
      ['inspect', true],
      ['triage', false],
    ],
  )
  t.same(
    [...preselectSkills(offered, ['event:write'], undefined)],
    [
      ['inspect', true],
      ['triage', true],
    ],
  )
})
