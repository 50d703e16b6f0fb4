// Loaded with `node -r` before anything else, so that a Node which cannot run TypeScript says so in one line.
// Plain CommonJS in old syntax: it has to be readable to the very versions it turns away.
'use strict'

var required = 24
if (Number(process.versions.node.split('.')[0]) < required) {
  process.stderr.write(
    'sentry-mcp needs Node.js ' +
      required +
      ' or newer; this is ' +
      process.version +
      '. Run `npm ci`, which brings one, or install it.\n',
  )
  process.exit(1)
}
