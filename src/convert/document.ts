import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BoxPlace } from './box.ts'
import { ConversionError } from './conversion-error.ts'
import type { OfficeType } from './detect-office.ts'
import { type RunLimits, runTool } from './run-tool.ts'

export type DocumentFormat = 'pdf' | 'docx' | 'odt' | 'rtf' | 'txt' | 'xlsx' | 'ods' | 'csv' | 'pptx' | 'odp'

/** Names are those of files in the scratch folder. */
export type DocumentRequest = { source: string; target: string; office: OfficeType; format: DocumentFormat }

type Program = OfficeType['program']

/** What each of the programs writes, by the name of its filter. */
const exports: Record<Program, Partial<Record<DocumentFormat, string>>> = {
  writer: {
    pdf: 'writer_pdf_Export',
    docx: 'MS Word 2007 XML',
    odt: 'writer8',
    rtf: 'Rich Text Format',
    txt: 'Text (encoded):UTF8,LF,,,',
  },
  // Fields by comma, text in quotation marks, UTF-8; of the first sheet.
  calc: {
    pdf: 'calc_pdf_Export',
    xlsx: 'Calc MS Excel 2007 XML',
    ods: 'calc8',
    csv: 'Text - txt - csv (StarCalc):44,34,76',
  },
  impress: { pdf: 'impress_pdf_Export', pptx: 'Impress MS PowerPoint 2007 XML', odp: 'impress8' },
}

/** The formats that these programs can write. */
export function documentFormatsOf(programs: readonly Program[]): DocumentFormat[] {
  const names: DocumentFormat[] = ['pdf', 'docx', 'odt', 'rtf', 'txt', 'xlsx', 'ods', 'csv', 'pptx', 'odp']
  return names.filter((name) => programs.some((program) => exports[program][name] !== undefined))
}

/** Whether a document can become one of this format. */
export function canBecome({ program }: OfficeType, format: DocumentFormat): boolean {
  return exports[program][format] !== undefined
}

/** No macro runs, and nothing outside of the document is fetched for it, from the network or from the disk. */
const profile = `<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
${[
  ['org.openoffice.Office.Common/Security/Scripting', 'DisableMacrosExecution', 'true'],
  ['org.openoffice.Office.Common/Security/Scripting', 'MacroSecurityLevel', '3'],
  ['org.openoffice.Office.Common/Security/Scripting', 'BlockUntrustedRefererLinks', 'true'],
  ['org.openoffice.Office.Writer/Content/Update', 'Link', '0'],
  ['org.openoffice.Office.Calc/Content/Update', 'Link', '1'],
  ['org.openoffice.Office.Common/Misc', 'FirstRun', 'false'],
]
  .map(
    ([path, name, value]) =>
      `<item oor:path="/${path}"><prop oor:name="${name}" oor:op="fuse"><value>${value}</value></prop></item>`,
  )
  .join('\n')}
</oor:items>
`

/** Converts by LibreOffice. Throws ConversionError, or the signal's reason. */
export async function convertDocument(
  soffice: string,
  place: BoxPlace,
  { source, target, office, format }: DocumentRequest,
  limits: RunLimits,
): Promise<void> {
  await mkdir(join(place.folder, 'profile', 'user'), { recursive: true })
  await writeFile(join(place.folder, 'profile', 'user', 'registrymodifications.xcu'), profile)
  const root = place.isolation.root ?? place.folder
  const args = [
    `-env:UserInstallation=file://${root}/profile`,
    ['--headless', '--norestore', '--nolockcheck', '--nodefault', '--nologo', '--nofirststartwizard'],
    `--infilter=${office.filter}`,
    ['--convert-to', `${format}:${exports[office.program][format] ?? ''}`, '--outdir', 'converted', source],
  ].flat()
  await runTool(place, { command: soffice, args }, limits)
  const [made, ...others] = await readdir(join(place.folder, 'converted')).catch(() => [])
  // It ends with 0 also when it could not open the file.
  if (made === undefined || others.length > 0) {
    throw new ConversionError('CONVERSION_FAILED', 'LibreOffice could not open it: it is damaged, or has a password.')
  }
  await rename(join(place.folder, 'converted', made), join(place.folder, target))
  await rm(join(place.folder, 'converted'), { recursive: true })
}
