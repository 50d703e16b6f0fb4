/** A setting of several parts is wrong, in sentences of its own. They follow its name and repeat no secret. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join(' '))
    this.problems = problems
  }
}
