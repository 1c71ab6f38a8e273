import type { JsonSchema } from '../json-schema.ts'
import type { OpenApi, Operation } from '../openapi.ts'
import { fieldsTable } from './fields.ts'
import { html, type Html, inline, prose } from './html.ts'
import { operationArticle } from './operation.ts'

type Placed = { method: string; path: string; operation: Operation }

/** The whole document as a page to read: every operation by its tag, what webhooks are told, and every named schema. */
export function referencePage(document: OpenApi): string {
  const operations = placedOperations(document)
  const tags = [...new Set(operations.map(({ operation }) => operation.tags[0] ?? ''))]
  const { title, version, description } = document.info
  const schemas = Object.entries(document.components.schemas)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} API</title>
<link rel="stylesheet" href="/docs/style.css">
<script src="/docs/copy.js" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<h1>${title} API</h1>
<p class="quiet">Version ${version}. <a href="/openapi.json">The same as OpenAPI 3.1</a>.</p>
</header>
<nav aria-label="Operations">${tags.map((tag) => contentsOf(tag, operations))}
<ul><li><a href="#webhooks">What webhooks are told</a></li><li><a href="#schemas">Schemas</a></li></ul>
</nav>
<main id="content">
${prose(description)}
<p>Examples are for a shell in which <code>LONGSHORE_URL</code> and <code>TOKEN</code> are set. Every path below <code>/api</code> is
there below <code>/drive</code> too.</p>
${tags.map((tag) => tagSection(tag, operations, document))}
<section aria-labelledby="webhooks"><h2 id="webhooks">What webhooks are told</h2>${webhookList(document)}</section>
<section aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>${schemas.map(([name, schema]) => schemaArticle(name, schema))}</section>
</main>
</body>
</html>
`.text
}

function placedOperations({ paths }: OpenApi): Placed[] {
  return Object.entries(paths).flatMap(([path, { servers, ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path: servers ? path : `/api${path}`, operation })),
  )
}

function ofTag(tag: string, operations: readonly Placed[]): Placed[] {
  return operations.filter(({ operation }) => operation.tags[0] === tag)
}

function contentsOf(tag: string, operations: readonly Placed[]): Html {
  const links = ofTag(tag, operations).map(
    ({ operation: { operationId, summary } }) => html`<li><a href="#${operationId}">${inline(summary)}</a></li>`,
  )
  return html`<details><summary>${tag}</summary><ul>${links}</ul></details>`
}

function tagSection(tag: string, operations: readonly Placed[], { components }: OpenApi): Html {
  const id = `tag-${tag.toLowerCase().replaceAll(' ', '-')}`
  const articles = ofTag(tag, operations).map(({ method, path, operation }) =>
    operationArticle(components.schemas, method, path, operation),
  )
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${tag}</h2>${articles}</section>`
}

function webhookList({ webhooks }: OpenApi): Html {
  return html`<p>A POST with <code>webhook-id</code>, <code>webhook-timestamp</code> and <code>webhook-signature</code>, and a JSON body of
    <code>type</code>, <code>timestamp</code> and <code>data</code>.</p><ul>${Object.keys(webhooks).map((type) => html`<li><a href="#schema-${type}">${type}</a></li>`)}</ul>`
}

function schemaArticle(name: string, schema: JsonSchema): Html {
  return html`<article aria-labelledby="schema-${name}"><h3 id="schema-${name}">${name}</h3>${fieldsTable(`Fields of ${name}`, schema)}</article>`
}
