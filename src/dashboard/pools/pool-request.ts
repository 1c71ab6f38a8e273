import type { AdminPoolView, NewPool, PoolChanges } from '../../client/browser.ts'
import { textOf } from '../forms/form-text.ts'

export const mebibyte = 1024 * 1024
const daySeconds = 86_400

/** What the form asks for as a new pool. */
export function newPoolFrom(form: FormData): NewPool {
  const { costMultiplier, ...policy } = rulesIn(form)
  return {
    name: textOf(form, 'name') ?? '',
    kind: textOf(form, 'kind') ?? 'local',
    settings: settingsIn(form),
    policy: Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== null)),
    ...(costMultiplier === undefined ? {} : { costMultiplier }),
  }
}

/** What it asks to be changed. The name of a declared pool is the settings' business. */
export function changesFrom(form: FormData, { isDeclared }: AdminPoolView): PoolChanges {
  const { costMultiplier, ...policy } = rulesIn(form)
  const name = textOf(form, 'name')
  return {
    ...(isDeclared || name === undefined ? {} : { name }),
    policy,
    ...(costMultiplier === undefined ? {} : { costMultiplier }),
  }
}

/** Null is what was left empty. */
function rulesIn(form: FormData) {
  const types = textOf(form, 'acceptedTypes')
    ?.split(',')
    .map((type) => type.trim())
    .filter(Boolean)
  const largest = numberOf(form, 'maxFileSize')
  const days = numberOf(form, 'expiryDays')
  const said = textOf(form, 'encryption')
  const encryption: 'required' | 'refused' | null = said === 'required' || said === 'refused' ? said : null
  return {
    maxFileSize: largest === undefined ? null : Math.round(largest * mebibyte),
    acceptedTypes: types === undefined || types.length === 0 ? null : types,
    encryption,
    defaultExpirySeconds: days === undefined ? null : Math.round(days * daySeconds),
    costMultiplier: numberOf(form, 'costMultiplier'),
  }
}

function settingsIn(form: FormData): Record<string, unknown> {
  if (textOf(form, 'kind') !== 's3') return { path: textOf(form, 'path') }
  const accessKeyId = textOf(form, 'accessKeyId')
  const secretAccessKey = textOf(form, 'secretAccessKey')
  const named = ['bucket', 'endpoint', 'region', 'prefix'].map((name) => [name, textOf(form, name)] as const)
  return {
    ...Object.fromEntries(named.filter(([, value]) => value !== undefined)),
    pathStyle: form.get('pathStyle') !== null,
    ...(accessKeyId !== undefined && secretAccessKey !== undefined
      ? { credentials: { accessKeyId, secretAccessKey } }
      : {}),
  }
}

function numberOf(form: FormData, name: string): number | undefined {
  const text = textOf(form, name)
  return text === undefined ? undefined : Number(text)
}
