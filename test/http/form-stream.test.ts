import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { receiveForm } from '../../src/http/chunk-body.ts'
import { FormStream } from '../../src/http/form-stream.ts'
import {
  cut,
  expressRequest,
  expressResponse,
  FormRequest,
  givenUp,
  type Outcome,
  parsed,
  turns,
} from '../support/form-request.ts'

const plainType = 'multipart/form-data; boundary=bound'
const fileHead = 'Content-Disposition: form-data; name="chunk"; filename="f"\r\n\r\n'
const end = '\r\n--bound--\r\n'

it('takes the same bytes as the parser alone, wherever the form is cut', async () => {
  const contents = [
    '',
    'a',
    '\r',
    '\r\n',
    'a\r\n',
    '-',
    '--',
    '--boun',
    '\r\n--boun',
    '\r\n--bounc',
    '\r\r\n--bou\r\n--boun\r',
    'ab\r\n-\r\n--',
  ]
  for (const content of contents) {
    const form = Buffer.from(`--bound\r\n${fileHead}${content}${end}`)
    for (let at = 0; at <= form.length; at++) {
      const ours = await taken([form.subarray(0, at), form.subarray(at)], plainType)
      expect(ours, `${JSON.stringify(content)} cut at ${at}`).toEqual(Buffer.from(content))
    }
    const single = Array.from(form, (_byte, at) => form.subarray(at, at + 1))
    expect(await taken(single, plainType), `${JSON.stringify(content)} byte by byte`).toEqual(Buffer.from(content))
  }
})

it.each([
  ['a preamble', `preamble\r\n--bound\r\n${fileHead}abc${end}`],
  ['an epilogue', `--bound\r\n${fileHead}abc${end}and more\r\n--bound\r\n`],
  ['a field before', `--bound\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--bound\r\n${fileHead}abc${end}`],
  ['a field after', `--bound\r\n${fileHead}abc\r\n--bound\r\nContent-Disposition: form-data; name="a"\r\n\r\nb${end}`],
  ['a second file', `--bound\r\n${fileHead}abc\r\n--bound\r\n${fileHead}abc${end}`],
  ['no end', `--bound\r\n${fileHead}abc\r\n--boun`],
  ['an end that is cut', `--bound\r\n${fileHead}abc\r\n--bound-`],
  ['more after a boundary', `--bound\r\n${fileHead}abc\r\n--boundary--\r\nabc${end}`],
  ['only a head', `--bound\r\n${fileHead}`],
  ['a boundary for content', `--bound\r\n${fileHead}--bound--\r\n`],
  ['a boundary for content and an end', `--bound\r\n${fileHead}--bound\r\n${fileHead}abc${end}`],
  ['upper case', `--bound\r\n${fileHead.replace('Content-Disposition', 'CONTENT-DISPOSITION')}abc${end}`],
  ['a folded head', `--bound\r\n${fileHead.replace('; filename', ';\r\n filename')}abc${end}`],
  ['a wrong field', `--bound\r\n${fileHead.replace('chunk', 'other')}abc${end}`],
  ['no file name', `--bound\r\n${fileHead.replace('; filename="f"', '')}abc${end}`],
  ['an empty file name', `--bound\r\n${fileHead.replace('"f"', '""')}abc${end}`],
  ['a path for a file name', `--bound\r\n${fileHead.replace('"f"', '"/"')}abc${end}`],
  [
    'a file name inside another value',
    `--bound\r\n${fileHead.replace('"chunk"; filename="f"', '"a; filename=b"')}abc${end}`,
  ],
  ['an unquoted file name', `--bound\r\n${fileHead.replace('"f"', 'f')}abc${end}`],
  ['an extended file name', `--bound\r\n${fileHead.replace('"f"', `"f"; filename*=utf-8''%e2%82%ac`)}abc${end}`],
  ['a broken extended file name', `--bound\r\n${fileHead.replace('"f"', '"f"; filename*=nonsense')}abc${end}`],
  ['two dispositions', `--bound\r\nContent-Disposition: form-data; name="chunk"\r\n${fileHead}abc${end}`],
  ['a long head', `--bound\r\nX-Long: ${'x'.repeat(10_000)}\r\n${fileHead}abc${end}`],
  ['a head that is too long', `--bound\r\nX-Long: ${'x'.repeat(20_000)}\r\n${fileHead}abc${end}`],
  ['a broken head', `--bound\r\nno header\r\n${fileHead}abc${end}`],
  ['no head', `--bound\r\n\r\nabc${end}`],
  ['nothing', ''],
])('judges a form with %s as the parser alone does', async (_what, text) => {
  for (const pieceBytes of [1, 7, 64, 65_536])
    await expectSame(
      cut(Buffer.from(text), () => pieceBytes),
      plainType,
    )
})

it.each([
  'multipart/form-data; boundary="bound"',
  'multipart/form-data; boundary="b (o),/:=?und"',
  `Multipart/Form-Data;boundary=b'+._~und`,
  'multipart/form-data; charset=utf-8; boundary=bound',
  'multipart/form-data; boundary="b\\"ound"',
  'multipart/form-data; boundary=bound; boundary=other',
])('reads the boundary of %s as the parser does', async (type) => {
  const boundary = /boundary=(?:"((?:[^"\\]|\\.)*)"|([^;]*))/
    .exec(type)
    ?.slice(1)
    .find((text) => text !== undefined)
  const named = boundary?.replaceAll('\\', '') ?? ''
  const form = Buffer.from(`--${named}\r\n${fileHead}abc\r\n--${named}--\r\n`)
  expect(
    await expectSame(
      cut(form, () => 5),
      type,
    ),
  ).toEqual(Buffer.from('abc'))
})

it('takes and refuses a thousand random forms as the parser alone does', async () => {
  const random = randomOf(20_240)
  const pick = <Item>(items: readonly [Item, ...Item[]]): Item => items[Math.floor(random() * items.length)] ?? items[0]
  const words = [
    '',
    'a',
    '-',
    '--',
    '\r',
    '\n',
    '\r\n',
    '\r\n-',
    '\r\n--',
    '\r\n--bo',
    '\r\n--boun',
    '--bound',
    'x'.repeat(300),
  ] as const
  let takenCount = 0
  for (let nth = 0; nth < 1000; nth++) {
    const content = Array.from({ length: Math.floor(random() * 6) }, () => pick(words)).join('')
    const field = '\r\n--bound\r\nContent-Disposition: form-data; name="a"\r\n\r\nb'
    const text = [
      pick([
        '--bound\r\n',
        '--bound\r\n',
        '--bound\r\n',
        '\r\n--bound\r\n',
        '--bound \r\n',
        `x${field}\r\n--bound\r\n`,
      ]),
      pick([fileHead, fileHead, `Content-Type: text/plain\r\n${fileHead}`, fileHead.replace('"f"', '"é"')]),
      content,
      pick(['', '', field, `\r\n--bound\r\n${fileHead}${content}`]),
      pick([end, end, end, `${end}epilogue`, '\r\n--bound--', '\r\n--bound', '\r\n--bound\r\n', '']),
    ].join('')
    const sizeBytes = pick([1, 2, 5, 20, 400])
    const outcome = await expectSame(
      cut(Buffer.from(text), () => 1 + Math.floor(random() * sizeBytes)),
      plainType,
    )
    if (outcome !== 'refused') takenCount += 1
  }
  expect(takenCount).toBeGreaterThan(200)
  expect(takenCount).toBeLessThan(900)
})

it('leads the content of a first file past the parser', async () => {
  const pieces = [Buffer.from(`--bound\r\n${fileHead}`), Buffer.alloc(100_000, 'c'), Buffer.from(end)]
  const seen: Buffer[] = []
  const parser = new Writable({
    write(piece: Buffer, _encoding, done) {
      seen.push(piece)
      done()
    },
  })
  const finished = new Promise((resolve) => parser.once('finish', resolve))
  new FormStream(expressRequest(new FormRequest(pieces, plainType)), parser).run()
  await finished
  expect(Buffer.concat(seen).toString()).toBe(`--bound\r\n${fileHead}.${end}`)
})

it('stops reading while nobody takes the content', async () => {
  const content = Buffer.alloc(8 * 1024 * 1024, 'c')
  const pieces = cut(Buffer.concat([Buffer.from(`--bound\r\n${fileHead}`), content, Buffer.from(end)]), () => 65_536)
  const request = new FormRequest(pieces, plainType)
  let begin = (): void => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const whole = receive(request, () => begun)
  // Many turns of the loop: a request that did not stop would be read whole in them.
  await turns(1000)
  expect(request.reads).toBeLessThan(10)
  begin()
  expect((await whole).equals(content)).toBe(true)
})

it.each(['before', 'after'])('fails when the connection ends %s the content is read', async (when) => {
  const request = new FormRequest([Buffer.from(`--bound\r\n${fileHead}abc`)], plainType, 'open')
  const whole = receive(
    request,
    when === 'after' ? async () => {} : () => new Promise((resolve) => request.once('close', () => resolve())),
  )
  await turns(20)
  request.destroy()
  await expect(whole).rejects.toThrow(/abort|closed|ended/i)
})

it('lets the body of a refused chunk flow away', async () => {
  const content = Buffer.alloc(4 * 1024 * 1024, 'c')
  const pieces = cut(Buffer.concat([Buffer.from(`--bound\r\n${fileHead}`), content, Buffer.from(end)]), () => 65_536)
  const request = new FormRequest(pieces, plainType)
  const gone = new Promise((resolve) => request.once('end', resolve))
  const refusal = new AppError('CHUNK_BUSY', 'Another request is sending it.')
  await expect(receive(request, () => Promise.reject(refusal))).rejects.toBe(refusal)
  await gone
})

async function expectSame(pieces: Buffer[], type: string): Promise<Outcome> {
  const [ours, theirs] = await Promise.all([taken(pieces, type), parsed(pieces, type)])
  expect(ours, `${JSON.stringify(Buffer.concat(pieces).toString())} as ${type}`).toEqual(theirs)
  return ours
}

function taken(pieces: Buffer[], type: string): Promise<Outcome> {
  const request = new FormRequest(pieces, type)
  const refused = () => 'refused' as const
  return Promise.race([receive(request, async () => {}).catch(refused), givenUp(request)])
}

/** Answers the content of a chunk once it has been made to count. */
async function receive(request: FormRequest, begun: () => Promise<void>): Promise<Buffer> {
  const read: Buffer[] = []
  let isCounted = false
  await receiveForm(expressRequest(request), expressResponse(request), [], async () => {
    await begun()
    return {
      write: async (body) => {
        for await (const piece of body) read.push(piece)
      },
      commit: async () => {
        isCounted = true
      },
      abort: async () => {},
    }
  })
  expect(isCounted).toBe(true)
  return Buffer.concat(read)
}

/** The same numbers from 0 to 1 in every run (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
