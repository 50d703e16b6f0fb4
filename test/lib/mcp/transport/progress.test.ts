import { test } from 'tap'
import { createProgress } from '../../../../lib/mcp/transport/progress.ts'

test('progress only increases (MCP 2025-11-25, progress)', async (t) => {
  const progress = createProgress()
  const sent: unknown[] = []
  progress.listen((notification) => sent.push(notification.params))
  const report = progress.follow('token')
  for (const step of [0, 50, 50, 20, 100]) report(step, 100)
  t.match(sent, [{ progress: 0 }, { progress: 50 }, { progress: 100 }])
})

test('a heartbeat describes silent tools only, and leaves reported progress alone', async (t) => {
  const progress = createProgress()
  progress.follow('silent')
  progress.follow('reporting')(0, 100)
  t.match(progress.describe(), [{ params: { progressToken: 'silent' } }])
})

test('a client without a progress token gets no progress', async (t) => {
  const progress = createProgress()
  const sent: unknown[] = []
  progress.listen((notification) => sent.push(notification))
  progress.follow(undefined)(1)
  t.same(sent, [])
  t.same(progress.describe(), [])
})
