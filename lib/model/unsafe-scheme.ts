/**
 * Schemes that are no way back to a client, by what opening one does. Every other private-use scheme is one
 * (RFC 8252 §7.1: cursor, vscode, claude and the like).
 */
const UNSAFE_SCHEMES = new Set([
  // Runs script, or shows a page that somebody else wrote.
  ...['about', 'blob', 'chrome', 'data', 'devtools', 'ecmascript', 'edge', 'filesystem', 'jar', 'javascript'],
  ...['jscript', 'livescript', 'mhtml', 'mk', 'mocha', 'opera', 'res', 'resource', 'vbs', 'vbscript'],
  ...['view-source', 'wyciwyg'],
  // Starts or installs programs, or opens what is on the machine.
  ...['android-app', 'applescript', 'content', 'file', 'hcp', 'help', 'intent', 'its', 'itms', 'itms-apps'],
  ...['itms-appss', 'itms-services', 'jnlp', 'jnlps', 'market', 'search', 'search-ms', 'shell', 'shortcuts'],
  ...['steam', 'workflow', 'x-apple.systempreferences'],
  // Opens whatever address it holds in a browser.
  ...['brave', 'feed', 'firefox', 'firefox-focus', 'googlechrome', 'googlechromes', 'microsoft-edge'],
  ...['microsoft-edge-holographic', 'vivaldi', 'webcal'],
  // Begins a call or a message.
  ...[
    'callto',
    'facetime',
    'facetime-audio',
    'irc',
    'ircs',
    'mailto',
    'sip',
    'sips',
    'skype',
    'sms',
    'smsto',
  ],
  ...['tel', 'tg', 'whatsapp', 'xmpp'],
  // Is fetched by another protocol.
  ...[
    'ftp',
    'ftps',
    'git',
    'gopher',
    'imap',
    'ldap',
    'ldaps',
    'magnet',
    'news',
    'nfs',
    'nntp',
    'rdp',
    'rtsp',
  ],
  ...['sftp', 'smb', 'snews', 'ssh', 'svn', 'telnet', 'tftp', 'vnc', 'ws', 'wss'],
  // Is a host to whoever takes the text for an address without a scheme.
  'localhost',
])

/** Whether a scheme, in lower case and without its colon, must not be redirected to. */
export function isUnsafeScheme(scheme: string): boolean {
  // Those of Microsoft's own (CVE-2022-30190: ms-msdt) start programs with what the URI says.
  return UNSAFE_SCHEMES.has(scheme) || scheme.startsWith('ms-')
}
