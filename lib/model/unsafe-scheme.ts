/**
 * Schemes that cannot belong to a client's redirect URI, by what opening one does. Every other private-use scheme can
 * (RFC 8252 §7.1: cursor, vscode, claude and the like).
 */
// biome-ignore format: one paragraph for each kind
const UNSAFE_SCHEMES = new Set([
  // Runs script, or shows a page of arbitrary content.
  'about', 'blob', 'chrome', 'data', 'devtools', 'ecmascript', 'edge', 'filesystem', 'jar', 'javascript',
  'jscript', 'livescript', 'mhtml', 'mk', 'mocha', 'opera', 'res', 'resource', 'vbs', 'vbscript',
  'view-source', 'wyciwyg',
  // Starts or installs programs, or opens local files.
  'android-app', 'applescript', 'content', 'file', 'hcp', 'help', 'intent', 'its', 'itms', 'itms-apps',
  'itms-appss', 'itms-services', 'jnlp', 'jnlps', 'market', 'search', 'search-ms', 'shell', 'shortcuts',
  'steam', 'workflow', 'x-apple.systempreferences',
  // Opens an arbitrary address in a browser.
  'brave', 'feed', 'firefox', 'firefox-focus', 'googlechrome', 'googlechromes', 'microsoft-edge',
  'microsoft-edge-holographic', 'vivaldi', 'webcal',
  // Starts a call or a message.
  'callto', 'facetime', 'facetime-audio', 'irc', 'ircs', 'mailto', 'sip', 'sips', 'skype', 'sms', 'smsto',
  'tel', 'tg', 'whatsapp', 'xmpp',
  // Is fetched over another protocol.
  'ftp', 'ftps', 'git', 'gopher', 'imap', 'ldap', 'ldaps', 'magnet', 'news', 'nfs', 'nntp', 'rdp', 'rtsp',
  'sftp', 'smb', 'snews', 'ssh', 'svn', 'telnet', 'tftp', 'vnc', 'ws', 'wss',
  // Is a host for programs that accept an address without a scheme.
  'localhost',
])

/** Whether a scheme, in lower case and without its colon, must not be redirected to. */
export function isUnsafeScheme(scheme: string): boolean {
  // Microsoft's schemes start programs with arguments from the URI (CVE-2022-30190: ms-msdt).
  return UNSAFE_SCHEMES.has(scheme) || scheme.startsWith('ms-')
}
