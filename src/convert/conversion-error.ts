/** Why a file cannot be converted: stable codes, and a message for its owner. Trying again does not help. */
export class ConversionError extends Error {
  readonly code:
    | 'CONVERSION_UNSUPPORTED'
    | 'CONVERSION_FAILED'
    | 'CONVERSION_TIMEOUT'
    | 'CONVERSION_MEMORY'
    | 'CONVERSION_TOO_LARGE'
    | 'IMAGE_TOO_LARGE'

  constructor(code: ConversionError['code'], message: string) {
    super(message)
    this.name = 'ConversionError'
    this.code = code
  }
}
