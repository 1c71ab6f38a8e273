import { z } from 'zod'

export const mebibyte = 1024 * 1024

/** What a group of settings gives once it is read: its schema's shape as plain values. */
export type Read<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>

/** A whole number in decimal digits, as the environment spells it. */
export const whole = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
    .default(fallback)

export const url = (schemes: readonly string[]) =>
  z.string().refine((value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value), {
    error: `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  })

/** What stands between commas, without the spaces around it; nothing for an empty text. */
export function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
