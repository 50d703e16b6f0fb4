import ts from 'typescript'

/** The methods of mcp-core's API client that send a request: path, options of `fetch`, options of its own. */
const SENDERS = new Set(['request', 'requestJSON'])

/**
 * The requests to Sentry's API in the source of a bundle, as `GET /organizations/{}/issues/`, sorted. It reads the
 * paths from the program text, so it also finds requests that no tool makes, and misses paths that are put together
 * beyond one function.
 */
export function listRequests(source: string): string[] {
  const file = ts.createSourceFile('bundle.js', source, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS)
  const found = new Set<string>()
  visit(file)
  return [...found].sort((one, other) => comparePaths(one, other))

  function visit(node: ts.Node): void {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const [path, options] = node.arguments
      if (SENDERS.has(node.expression.name.text) && path !== undefined) addRequests(path, options)
    }
    ts.forEachChild(node, visit)
  }

  function addRequests(path: ts.Expression, options: ts.Expression | undefined): void {
    for (const text of listTexts(path)) {
      const [address = ''] = text.split('?')
      if (!/^\/[a-z]/.test(address)) continue
      for (const method of listMethods(options)) found.add(`${method} ${address}`)
    }
  }
}

/** The texts that an expression may have, with `{}` for what is not known. */
function listTexts(node: ts.Expression, depth = 0): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text]
  if (ts.isTaggedTemplateExpression(node)) return listTemplateTexts(node.template, depth)
  if (ts.isTemplateExpression(node)) return listTemplateTexts(node, depth)
  if (ts.isParenthesizedExpression(node)) return listTexts(node.expression, depth)
  if (ts.isConditionalExpression(node))
    return [...listTexts(node.whenTrue, depth), ...listTexts(node.whenFalse, depth)]
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return combine(listTexts(node.left, depth), listTexts(node.right, depth))
  const values = ts.isIdentifier(node) && depth < 4 ? findValues(node) : []
  return values.length === 0 ? ['{}'] : values.flatMap((value) => listTexts(value, depth + 1))
}

function listTemplateTexts(template: ts.TemplateLiteral, depth: number): string[] {
  if (ts.isNoSubstitutionTemplateLiteral(template)) return [template.text]
  return template.templateSpans.reduce(
    (texts, { expression, literal }) =>
      combine(
        texts,
        listTexts(expression, depth).map((text) => text + literal.text),
      ),
    [template.head.text],
  )
}

function combine(left: readonly string[], right: readonly string[]): string[] {
  return left.flatMap((start) => right.map((end) => start + end))
}

function listMethods(options: ts.Expression | undefined): string[] {
  if (options === undefined) return ['GET']
  if (ts.isIdentifier(options)) {
    const values = findValues(options)
    return values.length === 0 ? ['GET'] : values.flatMap(listMethods)
  }
  if (!ts.isObjectLiteralExpression(options)) return ['GET']
  const property = options.properties.find(
    (one): one is ts.PropertyAssignment => ts.isPropertyAssignment(one) && one.name.getText() === 'method',
  )
  return property === undefined ? ['GET'] : listTexts(property.initializer)
}

/** What is assigned to a variable in the functions around the place where it is used. */
function findValues(identifier: ts.Identifier): ts.Expression[] {
  let scope: ts.Node = identifier.parent
  while (scope.parent !== undefined) {
    const values = ts.isFunctionLike(scope) ? listAssigned(scope, identifier.text) : []
    if (values.length > 0) return values
    scope = scope.parent
  }
  return []
}

function listAssigned(scope: ts.Node, name: string): ts.Expression[] {
  const values: ts.Expression[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.initializer !== undefined && node.name.getText() === name)
      values.push(node.initializer)
    const isAssignment = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken
    if (isAssignment && node.left.getText() === name) values.push(node.right)
    ts.forEachChild(node, visit)
  }
  visit(scope)
  return values
}

/** By path, then by method. */
function comparePaths(one: string, other: string): number {
  const [method = '', path = ''] = one.split(' ')
  const [otherMethod = '', otherPath = ''] = other.split(' ')
  return path.localeCompare(otherPath) || method.localeCompare(otherMethod)
}
