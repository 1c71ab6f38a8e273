import type { JsonSchema } from '../json-schema.ts'
import type { Operation, Parameter } from '../openapi.ts'
import { curlOf } from './curl.ts'
import type { Schemas } from './example.ts'
import { fieldsTable, limitsOf, typeOf } from './fields.ts'
import { html, type Html, inline, prose } from './html.ts'

/** All there is to say of an operation. */
export function operationArticle(schemas: Schemas, method: string, path: string, operation: Operation): Html {
  const { operationId, summary, description } = operation
  const example = `curl-${operationId}`
  return html`<article aria-labelledby="${operationId}">
<h3 id="${operationId}">${inline(summary)}</h3>
<code class="place"><span class="method">${method.toUpperCase()}</span> ${path}</code>
${prose(description)}
<p class="quiet">${accessOf(operation)}</p>
${parametersTable(operation)}
${bodyPart(operation)}
<h4>Answers</h4>
${answersTable(operation)}
<h4>Example</h4>
<div class="curl"><pre tabindex="0" aria-label="Example of ${operationId}"><code id="${example}">${curlOf(schemas, method, path, operation)}</code></pre>
<button type="button" data-copies="${example}" aria-label="Copy the example of ${operationId}" aria-live="polite" hidden>Copy</button></div>
</article>
`
}

function accessOf({ security }: Operation): Html {
  const scope = security.flatMap(({ token = [] }) => token)[0]
  if (scope !== undefined) {
    const who = scope.startsWith('longshore:admin') ? 'For administrators' : 'Needs a token'
    return html`${who}; one that is narrowed needs the scope <code>${scope}</code>.`
  }
  if (security.length === 0) return html`For everybody, without a token.`
  return html`For everybody; of a bundle with a passcode for who brings what <a href="#openShare">openShare</a> answers.`
}

function parametersTable({ parameters, operationId }: Operation): Html | undefined {
  if (parameters.length === 0) return undefined
  return html`<h4>Parameters</h4><div class="scroll" tabindex="0" role="region" aria-label="Parameters of ${operationId}"><table>
<thead><tr><th scope="col">Name</th><th scope="col">In</th><th scope="col">Type</th><th scope="col">What it says</th></tr></thead>
<tbody>${parameters.map(parameterRow)}</tbody></table></div>`
}

function parameterRow({ name, in: place, description, required, schema }: Parameter): Html {
  const says = description === undefined ? [] : inline(description)
  return html`<tr><th scope="row"><code>${name}</code></th><td>${place}${required ? ', required' : ''}</td><td>${typeOf(schema)}</td><td>${says} ${limitsOf(schema)}</td></tr>`
}

function bodyPart({ requestBody, operationId }: Operation): Html | undefined {
  if (requestBody === undefined) return undefined
  const optional = requestBody.required ? '' : ' It may be left out.'
  const contents = Object.entries(requestBody.content).map(([type, { schema }]) => [
    html`<p><code>${type}</code>.${optional}</p>`,
    schema ? fieldsTable(`Body of ${operationId}`, schema) : html`<p>The bytes as they are.</p>`,
  ])
  return html`<h4>Body</h4>${contents}`
}

function answersTable({ responses, operationId }: Operation): Html {
  const rows = Object.entries(responses).flatMap(([status, response]) =>
    'description' in response ? [answerRow(status, response)] : [],
  )
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Answers of ${operationId}"><table>
<thead><tr><th scope="col">Status</th><th scope="col">Body</th><th scope="col">What it means</th></tr></thead>
<tbody>${rows}</tbody></table></div>`
}

type Answer = { description: string; content?: Record<string, { schema?: JsonSchema }> }

function answerRow(status: string, { description, content = {} }: Answer): Html {
  if (Number(status) >= 400 && !('schema' in (content['application/json'] ?? {}) && isOurs(content))) {
    return html`<tr><th scope="row">${status}</th><td><a href="#schema-Error">Error</a></td><td>${codes(description)}</td></tr>`
  }
  const bodies = Object.entries(content).map(([type, { schema }]) => html`<div>${schema ? typeOf(schema) : type}</div>`)
  return html`<tr><th scope="row">${status}</th><td>${bodies.length > 0 ? bodies : 'none'}</td><td>${inline(description)}</td></tr>`
}

/** Whether an answer of failure carries what its route declares, and not an error. */
function isOurs(content: Record<string, { schema?: JsonSchema }>): boolean {
  return content['application/json']?.schema?.['allOf'] === undefined
}

function codes(description: string): Html[] {
  return description.split(', ').map((code, index) => html`${index === 0 ? '' : ', '}<code>${code}</code>`)
}
