import type {
  Conversation,
  ConversationStep,
  Profile,
  Replay,
  Snapshot,
  SnapshotImage,
} from './data-recordings.ts'
import type { ReleaseBehaviour } from './releases.ts'
import { makeHex } from './sample-id.ts'
import type { Json } from './views.ts'

const MILLISECOND = 1_000_000

export function showReplay(replay: Replay, errorIds: readonly string[]): Json {
  return {
    id: replay.id,
    project_id: replay.project.id,
    trace_ids: replay.traceIds,
    error_ids: errorIds,
    info_ids: [],
    warning_ids: [],
    environment: 'production',
    tags: { plan: ['reader'] },
    user: {
      id: '9001',
      username: null,
      email: 'ines@reader.example',
      ip: null,
      display_name: 'ines@reader.example',
      geo: { city: 'Bremen', country_code: 'DE', region: 'Germany', subdivision: 'Bremen' },
    },
    sdk: { name: 'sentry.javascript.nextjs', version: '10.4.0' },
    os: { name: 'Linux', version: null },
    browser: { name: 'Firefox', version: '149' },
    device: { name: null, brand: null, model: null, family: null },
    ota_updates: { channel: null, runtime_version: null, update_id: null },
    is_archived: false,
    urls: replay.urls,
    segment_names: [],
    clicks: [],
    count_dead_clicks: 1,
    count_rage_clicks: 0,
    count_errors: errorIds.length,
    count_warnings: 0,
    count_infos: 0,
    count_segments: 1,
    count_urls: replay.urls.length,
    duration: replay.duration,
    started_at: replay.startedAt,
    finished_at: new Date(replay.startedAt.getTime() + replay.duration * 1000),
    activity: 4,
    replay_type: 'session',
    platform: 'javascript',
    releases: ['storefront@2.8.0'],
    dist: null,
    has_viewed: false,
  }
}

/** One segment: what rrweb and Sentry's SDK record of each action. */
export function showRecording({ startedAt, actions }: Replay): Json[][] {
  return [actions.map((action) => recordAction(action, startedAt.getTime() + action.at * 1000))]
}

/** `time` in ms since the epoch. */
function recordAction({ kind, text }: Replay['actions'][number], time: number): Json {
  switch (kind) {
    case 'page':
      return { type: 4, timestamp: time, data: { href: text, width: 1440, height: 900 } }
    case 'click': {
      const payload = { type: 'default', category: 'ui.click', timestamp: time / 1000, message: text }
      return { type: 5, timestamp: time, data: { tag: 'breadcrumb', payload } }
    }
    case 'request': {
      const payload = { op: 'resource.fetch', description: text, data: { duration: 5490 } }
      return { type: 5, timestamp: time, data: { tag: 'performanceSpan', payload } }
    }
  }
}

/** All profiles of a transaction in one picture. */
export function showFlamegraph(profiles: readonly Profile[]): Json {
  const [first] = profiles
  const frames = first?.frames ?? []
  const counts = first?.counts ?? []
  const samples = counts.map((_, depth) => frames.slice(0, depth + 1).map((__, index) => index))
  const weights = counts.map((count) => count * 10 * MILLISECOND)
  return {
    activeProfileIndex: 0,
    platform: 'python',
    projectID: Number(first?.project.id ?? 0),
    transactionName: first?.transaction ?? '',
    metadata: {},
    profiles: [
      {
        name: 'MainThread',
        type: 'sampled',
        unit: 'nanoseconds',
        isMainThread: true,
        threadID: 1,
        startValue: 0,
        endValue: weights.reduce((sum, weight) => sum + weight, 0),
        samples,
        weights,
        sample_counts: counts,
        sample_durations_ns: weights,
      },
    ],
    shared: {
      frames: frames.map(({ file, name, line, inApp }, index) => ({
        file,
        name,
        line,
        is_application: inApp,
        fingerprint: 1001 + index,
      })),
      frame_infos: frames.map((_, depth) => ({
        count: counts.slice(depth).reduce((sum, count) => sum + count, 0),
        weight: weights.slice(depth).reduce((sum, weight) => sum + weight, 0),
        sumDuration: weights.slice(depth).reduce((sum, weight) => sum + weight, 0),
        sumSelfTime: weights[depth] ?? 0,
        p75Duration: 10 * MILLISECOND,
        p95Duration: 40 * MILLISECOND,
        p99Duration: 90 * MILLISECOND,
      })),
      profiles: profiles.map(({ id, project, startedAt }) => ({
        project_id: Number(project.id),
        profile_id: id,
        start: startedAt.getTime(),
        end: startedAt.getTime() + 1000,
      })),
    },
  }
}

/** A profile of one transaction. */
export function showProfile(profile: Profile): Json {
  const { samples, ...recording } = showSamples(profile)
  return {
    event_id: profile.id,
    profile_id: profile.id,
    platform: 'python',
    environment: 'production',
    release: { version: 'checkout-api@1.14.2' },
    version: '2',
    profile: {
      ...recording,
      samples: samples.map((depth, index) => ({
        stack_id: depth,
        thread_id: '1',
        elapsed_since_start_ns: index * 10 * MILLISECOND,
      })),
    },
    transaction: {
      name: profile.transaction,
      trace_id: profile.traceId,
      id: makeHex(`transaction ${profile.id}`),
      active_thread_id: 1,
      relative_start_ns: '0',
      relative_end_ns: String(samples.length * 10 * MILLISECOND),
    },
    device: { architecture: 'x86_64', classification: '' },
    os: { name: 'Linux', version: '6.12.8', build_number: '' },
    client_sdk: { name: 'sentry.python.fastapi', version: '2.31.0' },
  }
}

/** A chunk of a continuous profile. */
export function showProfileChunk(profile: Profile): Json {
  const { samples, ...recording } = showSamples(profile)
  return {
    chunk: {
      chunk_id: profile.id,
      profiler_id: profile.profilerId,
      environment: 'production',
      platform: 'python',
      release: 'checkout-api@1.14.2',
      version: '2',
      client_sdk: { name: 'sentry.python.fastapi', version: '2.31.0' },
      profile: {
        ...recording,
        samples: samples.map((depth, index) => ({
          stack_id: depth,
          thread_id: '1',
          timestamp: profile.startedAt.getTime() / 1000 + index / 100,
        })),
      },
    },
  }
}

/** Frames, their stacks from the innermost to the outermost, and the stack of every sample. */
function showSamples({ frames, counts }: Profile) {
  return {
    frames: frames.map(({ file, name, line, inApp }) => ({
      filename: file,
      function: name,
      lineno: line,
      in_app: inApp,
      module: file.replace('.py', '').replaceAll('/', '.'),
      abs_path: `/srv/${file}`,
      platform: 'python',
    })),
    stacks: frames.map((_, depth) => Array.from({ length: depth + 1 }, (__, index) => depth - index)),
    thread_metadata: { '1': { name: 'MainThread' } },
    samples: counts.flatMap((count, depth) => Array.from({ length: count }, () => depth)),
  }
}

export function showSnapshot(snapshot: Snapshot): Json {
  const withStatus = (status: SnapshotImage['status']) =>
    snapshot.images.filter((image) => image.status === status).map((image) => showImage(image))
  const changed = snapshot.images
    .filter(({ status }) => status === 'changed')
    .map((image) => ({
      base_image: showImage(image),
      head_image: showImage(image),
      diff_image_key: makeHex(`difference ${image.name}`),
      diff: image.difference,
    }))
  const [added, unchanged] = [withStatus('added'), withStatus('unchanged')]
  return {
    head_artifact_id: snapshot.id,
    base_artifact_id: snapshot.baseId === '' ? null : snapshot.baseId,
    project_id: snapshot.project.id,
    comparison_type: snapshot.baseId === '' ? 'solo' : 'diff',
    state: 'processed',
    vcs_info: showCommits(snapshot),
    app_id: snapshot.appId,
    is_selective: false,
    images: snapshot.images.map((image) => showImage(image)),
    image_count: snapshot.images.length,
    added,
    added_count: added.length,
    removed: [],
    removed_count: 0,
    renamed: [],
    renamed_count: 0,
    changed,
    changed_count: changed.length,
    unchanged,
    unchanged_count: unchanged.length,
    errored: [],
    errored_count: 0,
    skipped: [],
    skipped_count: 0,
    diff_threshold: 0.01,
    comparison_state: 'success',
    approval_status: 'requires_approval',
    comparison_error_message: null,
    approvers: [],
  }
}

/** The newest snapshot of the branch that others are compared with. */
export function showBaseSnapshot(snapshot: Snapshot): Json {
  return {
    head_artifact_id: snapshot.id,
    project_id: snapshot.project.id,
    project_slug: snapshot.project.slug,
    app_id: snapshot.appId,
    image_count: snapshot.images.length,
    images: snapshot.images.map((image) => showImage(image)),
    diff_threshold: 0.01,
    date_added: snapshot.createdAt,
    vcs_info: showCommits(snapshot),
  }
}

/** One picture with the addresses of its two versions and of what differs, all of them below the API. */
export function showSnapshotImage(snapshot: Snapshot, image: SnapshotImage, path: string): Json {
  const head = {
    ...showImage(image),
    diff_threshold: 0.01,
    description: null,
    tags: null,
    image_url: `${path}head/`,
  }
  return {
    image_file_name: image.name,
    comparison_status: image.status,
    head_image: head,
    base_image:
      image.status === 'added' || snapshot.baseId === '' ? null : { ...head, image_url: `${path}base/` },
    diff_image_url: image.status === 'changed' ? `${path}difference/` : null,
    diff_percentage: image.difference,
    previous_image_file_name: null,
  }
}

function showImage({ name }: SnapshotImage): Json {
  return {
    key: makeHex(`picture ${name}`),
    display_name: name.replace('.png', '').replaceAll('-', ' '),
    group: name.split('-')[0],
    image_file_name: name,
    width: 64,
    height: 40,
    canvas_theme: 'light',
  }
}

function showCommits({ id, branch, baseId }: Snapshot): Json {
  return {
    head_sha: makeHex(`snapshot ${id}`, 40),
    base_sha: baseId === '' ? null : makeHex(`snapshot ${baseId}`, 40),
    provider: 'github',
    head_repo_name: 'tidewater/storefront',
    base_repo_name: 'tidewater/storefront',
    head_ref: branch,
    base_ref: 'main',
    pr_number: branch === 'main' ? null : 218,
  }
}

export function showListedConversation(conversation: Conversation, release: ReleaseBehaviour): Json {
  const { steps, startedAt } = conversation
  const tools = steps.flatMap(({ tool }) => (tool === undefined ? [] : [tool]))
  const took = steps.reduce((sum, step) => sum + step.took, 0)
  return {
    conversationId: conversation.id,
    flow: ['Shop assistant'],
    errors: 0,
    llmCalls: steps.length - tools.length,
    toolCalls: tools.length,
    totalTokens: steps.reduce((sum, { tokens }) => sum + tokens, 0),
    totalCost: 0.0042,
    startTimestamp: startedAt.getTime(),
    endTimestamp: startedAt.getTime() + took * 1000,
    traceCount: 1,
    traceIds: [conversation.traceId],
    ...(release.has('full conversations')
      ? {
          title: conversation.title,
          firstInput: steps[0]?.input ?? null,
          lastOutput: steps.at(-1)?.output ?? null,
          user: { id: '9003', email: 'aiko@reader.example', username: null, ip_address: null },
          toolNames: [...new Set(tools)],
          toolErrors: 0,
        }
      : {}),
  }
}

/** The calls of a conversation as spans. */
export function listConversationSpans(conversation: Conversation): Json[] {
  let time = conversation.startedAt.getTime() / 1000
  return conversation.steps.map((step, index) => {
    const begin = time
    time += step.took
    return showConversationSpan(conversation, step, index, begin)
  })
}

function showConversationSpan(
  { id, project, traceId, model }: Conversation,
  step: ConversationStep,
  index: number,
  begin: number,
): Json {
  const isModel = step.tool === undefined
  const messages = (role: string, content: string) => JSON.stringify([{ role, content }])
  return {
    'gen_ai.conversation.id': id,
    span_id: makeHex(`conversation ${id} ${index}`, 16),
    trace: traceId,
    parent_span: null,
    'precise.start_ts': begin,
    'precise.finish_ts': begin + step.took,
    project: project.slug,
    'project.id': Number(project.id),
    'span.name': isModel ? `chat ${model}` : `execute_tool ${step.tool}`,
    'span.op': isModel ? 'gen_ai.chat' : 'gen_ai.execute_tool',
    'span.description': isModel ? `chat ${model}` : `execute_tool ${step.tool}`,
    'span.duration': step.took * 1000,
    'span.status': 'ok',
    transaction: 'POST /assistant',
    is_transaction: false,
    'gen_ai.operation.type': isModel ? 'ai_client' : 'tool',
    'gen_ai.agent.name': 'Shop assistant',
    'gen_ai.request.model': isModel ? model : null,
    'gen_ai.response.model': isModel ? model : null,
    'gen_ai.input.messages': isModel ? messages(index === 0 ? 'user' : 'tool', step.input) : null,
    'gen_ai.output.messages': isModel ? messages('assistant', step.output) : null,
    'gen_ai.usage.total_tokens': isModel ? step.tokens : null,
    'gen_ai.cost.total_tokens': isModel ? 0.0021 : null,
    'gen_ai.tool.name': step.tool ?? null,
    'gen_ai.tool.call.arguments': isModel ? null : step.input,
    'user.id': '9003',
    'user.email': 'aiko@reader.example',
    'user.username': null,
    'user.ip': null,
  }
}
