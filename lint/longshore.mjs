// The house's own lint rules, loaded by .oxlintrc.json. The table of rooms and their arrows is there, not here.
import { dirname, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const codeFolders = /^(src|workers|scripts)\//

export default {
  meta: { name: 'longshore' },
  rules: { arrows: { meta: { schema: false }, create: checkArrows }, names: { create: checkName } },
}

/**
 * Reports what a room imports against the table of rooms, which is the rule's option and explained beside it. A room is
 * a file or folder below src/, or below the project for what lies outside src/. Counted are imports and re-exports of
 * values and types, `import()`, and `import('…')` in a type.
 */
function checkArrows(context) {
  const path = projectPath(context.filename)
  if (!codeFolders.test(path)) return {}
  const table = context.options[0]
  const room = roomOf(path, table)
  if (room === undefined) return { Program: (node) => context.report({ node, message: noRoom(path) }) }
  const allowed = allowedTo(room, table)

  function check(node) {
    const specifier = node.source?.value
    if (typeof specifier !== 'string' || !/^(\.|\/|file:)/.test(specifier)) return
    const target = projectPath(resolve(dirname(context.filename), specifier))
    const targetRoom = roomOf(target, table)
    if (targetRoom === room || allowed.includes(targetRoom)) return
    if (isTypeOnly(node) && allowed.includes(`type ${targetRoom}`)) return
    context.report({ node, message: forbidden(room, targetRoom ?? target, allowed) })
  }
  return {
    ImportDeclaration: check,
    ExportNamedDeclaration: check,
    ExportAllDeclaration: check,
    ImportExpression: check,
    TSImportType: check,
  }
}

function allowedTo(room, table) {
  const { floor, also = [], only } = table[room]
  if (only?.includes('*')) return Object.keys(table)
  if (only !== undefined) return only
  const below = Object.keys(table).filter((other) => table[other].floor < floor && !table[other].byName)
  return [...below, ...also]
}

function projectPath(path) {
  return relative(root, path).split(sep).join('/')
}

function roomOf(path, table) {
  const name = path.replace(/^src\//, '').replace(/\.[a-z]+$/, '')
  const rooms = Object.keys(table).filter((room) => name === room || name.startsWith(`${room}/`))
  return rooms.sort((a, b) => b.length - a.length)[0]
}

function isTypeOnly(node) {
  return node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type'
}

function forbidden(room, target, allowed) {
  const may = allowed.length === 0 ? 'only itself' : `itself and ${allowed.join(', ')}`
  return `${room} may not import ${target}. It may import ${may}: see the table in .oxlintrc.json.`
}

function noRoom(path) {
  return `${path} is in no room. Name its room in the table in .oxlintrc.json, with the rooms it may import.`
}

/** A name such as `utils` says nothing about what is inside. */
function checkName(context) {
  const path = projectPath(context.filename)
  const vague = path
    .split('/')
    .find((part) => /(^|[-.])(utils?|helpers?|common|types|services?|managers?)([-.]|$)/.test(part))
  if (vague === undefined) return {}
  return { Program: (node) => context.report({ node, message: `"${vague}" in ${path} does not say what is inside.` }) }
}
