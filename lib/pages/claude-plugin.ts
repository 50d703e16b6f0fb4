import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isLoopbackHost } from '../model/loopback.ts'

export interface ClaudePluginOptions {
  /** The URL of this server. */
  baseUrl: string
  /** The name of this server, which the marketplace has too: Claude Code keeps one marketplace of each name. */
  serverName: string
  title: string
  sentryHost: string
}

/** What a company installs in Claude Code with one command: a marketplace with one plugin, which connects this server. */
export interface ClaudePlugin {
  marketplace: object
  /** A zip archive with the plugin. */
  archive: Buffer
}

export const MARKETPLACE_PATH = '/.claude-plugin/marketplace.json'
export const ARCHIVE_PATH = '/.claude-plugin/sentry.zip'

/** The name of the plugin, and of the MCP server in it. */
const PLUGIN_NAME = 'sentry'

/**
 * The marketplace and its plugin. A marketplace at a URL may name only what can be fetched elsewhere: of those sources a
 * zip archive needs neither git nor npm on the user's machine. Claude Code fetches archives over https, and not from
 * loopback; undefined where it could not. Without a version of its own, a plugin is updated when its digest changes.
 */
export function createClaudePlugin({
  baseUrl,
  serverName,
  title,
  sentryHost,
}: ClaudePluginOptions): ClaudePlugin | undefined {
  if (!canInstallPlugin(baseUrl)) return undefined
  const description = `Work with ${title} at ${sentryHost}`
  const server = { type: 'http', url: `${baseUrl}/mcp` }
  const manifest = { name: PLUGIN_NAME, description, mcpServers: { [PLUGIN_NAME]: server } }
  const archive = createZip('.claude-plugin/plugin.json', Buffer.from(JSON.stringify(manifest)))
  const sha256 = createHash('sha256').update(archive).digest('hex')
  const source = { source: 'archive', url: `${baseUrl}${ARCHIVE_PATH}`, sha256 }
  return {
    archive,
    marketplace: {
      name: createMarketplaceName(serverName),
      description,
      owner: { name: title },
      plugins: [{ name: PLUGIN_NAME, description, source }],
    },
  }
}

/** The command that adds the marketplace and installs the plugin; undefined where Claude Code cannot fetch it. */
export function createInstallCommand(baseUrl: string): string | undefined {
  if (!canInstallPlugin(baseUrl)) return undefined
  return `claude plugin install ${PLUGIN_NAME} --marketplace ${baseUrl}${MARKETPLACE_PATH}`
}

/** Claude Code fetches an archive over https, from a host that is not on loopback. */
function canInstallPlugin(baseUrl: string): boolean {
  const { protocol, hostname } = new URL(baseUrl)
  return protocol === 'https:' && !isLoopbackHost(hostname) && !hostname.endsWith('.localhost')
}

/** The name of a marketplace is kebab-case. */
function createMarketplaceName(serverName: string): string {
  const name = serverName.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return name.replaceAll(/^-|-$/g, '') || PLUGIN_NAME
}

/** Midnight of 1 January 1980, the earliest time that an archive can have: the same content is the same archive. */
const DOS_TIME = 0x0021_0000

/** A zip archive with one file, not compressed (PKWARE APPNOTE 6.3.10, §4.3). */
function createZip(path: string, content: Buffer): Buffer {
  const name = Buffer.from(path)
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0) // the version that extracting needs
  common.writeUInt32LE(DOS_TIME, 6)
  common.writeUInt32LE(crc32(content), 10)
  common.writeUInt32LE(content.length, 14)
  common.writeUInt32LE(content.length, 18)
  common.writeUInt16LE(name.length, 22)
  const file = Buffer.concat([Buffer.from('PK\x03\x04'), common, name, content])

  const directory = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, Buffer.alloc(14), name])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(file.length, 16)
  return Buffer.concat([file, directory, end])
}
