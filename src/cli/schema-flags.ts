import type { TaskType } from '../client/node.ts'
import { type Flags, type Given, textOf, textsOf } from './command.ts'
import { UsageError } from './exit.ts'
import { secretIn } from './secret.ts'

type Schema = Record<string, unknown>
type Kind = 'string' | 'number' | 'boolean' | 'json'

/** A parameter of a task type as a flag: `targetPoolId` is `--target-pool-id`, `width` of `options` is `--options.width`. */
type Parameter = {
  flag: string
  path: string[]
  kind: Kind
  isList: boolean
  isNullable: boolean
  isRequired: boolean
  choices: string[]
}

/** The flags that a task type's parameters are, made from their JSON Schema. */
export function flagsOf({ parameters }: Pick<TaskType, 'parameters'>): Flags {
  const flags: Flags = {}
  for (const parameter of parametersOf(parameters)) {
    const { flag, kind, isList, choices } = parameter
    const help = helpOf(parameter)
    const value = choices.length > 0 ? choices.join('|') : kind === 'json' ? 'JSON' : kind === 'number' ? 'N' : 'TEXT'
    if (kind === 'boolean' && !isList) {
      flags[flag] = { type: 'boolean', help }
      flags[`no-${flag}`] = { type: 'boolean', help: '' }
    } else flags[flag] = { type: 'string', multiple: isList, value, choices, help }
  }
  return flags
}

/**
 * The parameters that flags give. Bare words are the files that a type works on, when it takes some. Throws UsageError for what is
 * no number or no JSON where one is wanted; whether the rest is right is the server's to say.
 */
export async function parametersIn(type: TaskType, given: Given): Promise<Record<string, unknown>> {
  const known = parametersOf(type.parameters)
  const result: Record<string, unknown> = {}
  for (const parameter of known) {
    const value = await valueOf(parameter, given)
    if (value !== undefined) put(result, parameter.path, value)
  }
  const words = given.positionals.slice(1)
  if (words.length > 0) {
    const many = known.find(({ flag }) => flag === 'file-ids' || flag === 'target-ids')
    const one = known.find(({ flag }) => flag === 'file-id')
    if (many !== undefined) put(result, many.path, [...words, ...textsOf(given, many.flag)])
    else if (one !== undefined && words.length === 1) put(result, one.path, words[0])
    else
      throw new UsageError(
        `${type.type} does not take "${words.at(-1)}"; "longshore run ${type.type} --help" says what it takes`,
      )
  }
  return result
}

function parametersOf(schema: Schema, above: string[] = []): Parameter[] {
  const byFlag = new Map<string, Parameter>()
  for (const variant of [schema, ...schemasIn(schema['oneOf']), ...schemasIn(schema['anyOf'])]) {
    const required = Array.isArray(variant['required']) ? variant['required'] : []
    const properties = Object.entries(isSchema(variant['properties']) ? variant['properties'] : {})
    for (const [name, property] of properties) {
      if (!isSchema(property)) continue
      const path = [...above, name]
      const inner = property['type'] === 'object' ? parametersOf(property, path) : []
      const own =
        inner.length > 0 ? inner : [parameterOf(path, property, above.length === 0 && required.includes(name))]
      for (const one of own) byFlag.set(one.flag, merged(byFlag.get(one.flag), one))
    }
  }
  return [...byFlag.values()]
}

function parameterOf(path: string[], property: Schema, isRequired: boolean): Parameter {
  const variants = schemasIn(property['anyOf'])
  const isNullable = variants.some(({ type }) => type === 'null')
  const meant = variants.find(({ type }) => type !== 'null') ?? property
  const isList = meant['type'] === 'array'
  const items = isList && isSchema(meant['items']) ? meant['items'] : meant
  const named = Array.isArray(items['enum']) ? items['enum'] : 'const' in items ? [items['const']] : []
  const choices = named.filter((choice) => typeof choice === 'string')
  return { flag: path.map(kebab).join('.'), path, kind: kindOf(items), isList, isNullable, isRequired, choices }
}

/** The same parameter in several variants of a type: it takes what any of them takes. */
function merged(known: Parameter | undefined, one: Parameter): Parameter {
  if (known === undefined) return one
  const choices = [...new Set([...known.choices, ...one.choices])]
  return { ...known, choices, isRequired: known.isRequired && one.isRequired }
}

function kindOf({ type }: Schema): Kind {
  if (type === 'integer' || type === 'number') return 'number'
  return type === 'string' || type === 'boolean' ? type : 'json'
}

async function valueOf(parameter: Parameter, given: Given): Promise<unknown> {
  const { flag, kind, isList } = parameter
  if (isList) {
    const texts = textsOf(given, flag)
    return texts.length === 0 ? undefined : Promise.all(texts.map((text) => read(parameter, text)))
  }
  if (kind === 'boolean') {
    if (given.flags[`no-${flag}`] === true) return false
    return given.flags[flag] === true ? true : undefined
  }
  const text = textOf(given, flag)
  return text === undefined ? undefined : read(parameter, text)
}

async function read({ flag, kind, isNullable }: Parameter, text: string): Promise<unknown> {
  if (isNullable && text === 'null') return null
  if (kind === 'string') return secretIn(text)
  if (kind === 'number') {
    if (text.trim() !== '' && Number.isFinite(Number(text))) return Number(text)
    throw new UsageError(`--${flag} must be a number, and not "${text}"`)
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new UsageError(`--${flag} must be JSON, and "${text}" is none`)
  }
}

function helpOf({ isList, isNullable, isRequired }: Parameter): string {
  const notes = [
    isRequired ? 'needed' : '',
    isList ? 'may be given several times' : '',
    isNullable ? '"null" is none' : '',
  ]
  return notes.filter((note) => note !== '').join('; ')
}

function put(target: Record<string, unknown>, [name = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    target[name] = value
    return
  }
  const known = target[name]
  const inner: Record<string, unknown> = isSchema(known) ? known : {}
  target[name] = inner
  put(inner, rest, value)
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function schemasIn(value: unknown): Schema[] {
  return Array.isArray(value) ? value.filter(isSchema) : []
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
