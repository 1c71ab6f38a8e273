import { describe, expect, it } from 'vitest'
import { pathFor, uniquePaths } from '../../src/archive/paths.ts'

describe('the path of a file in an archive', () => {
  it.each([
    ['a.txt', 'a.txt'],
    ['docs/2024/a.txt', 'docs/2024/a.txt'],
    ['../../etc/passwd', '_/_/etc/passwd'],
    ['/etc/shadow', 'etc/shadow'],
    ['a/../b/./c', 'a/_/b/c'],
    ['..', '_'],
    ['.', '_'],
    ['', '_'],
    ['C:\\Windows\\win.ini', 'C_/Windows/win.ini'],
    ['\\\\server\\share\\x', 'server/share/x'],
    ['line\nbreak\u0000\u202e.txt', 'line_break__.txt'],
    ['\uff0e\uff0e\uff0fetc', '___etc'],
    ['\u2025/x', '_/x'],
    ['Übergröße 日本語／🎬.mp4', 'Übergröße 日本語／🎬.mp4'],
    ['.bashrc', '.bashrc'],
  ])('%j is %j', (name, path) => {
    expect(pathFor(name)).toBe(path)
  })

  it('is numbered where it comes twice, or is a folder of another one', () => {
    const unique = (...paths: string[]): string[] => uniquePaths(paths)
    expect(unique('a.txt', 'a.txt', 'a.txt')).toEqual(['a.txt', 'a (2).txt', 'a (3).txt'])
    expect(unique('a.txt', 'A.TXT', 'b/a.txt')).toEqual(['a.txt', 'A (2).TXT', 'b/a.txt'])
    expect(unique('e\u0301', '\u00e9')).toEqual(['e\u0301', '\u00e9 (2)'])
    expect(unique('x.tar.gz', 'x.tar.gz', '.rc', '.rc')).toEqual(['x.tar.gz', 'x (2).tar.gz', '.rc', '.rc (2)'])
    expect(unique('a.txt', 'a.txt', 'a (2).txt')).toEqual(['a.txt', 'a (3).txt', 'a (2).txt'])
    expect(unique('a', 'a/b', 'a/b/c')).toEqual(['a (2)', 'a/b (2)', 'a/b/c'])
  })

  it('is found quickly for many of one name', () => {
    const many = uniquePaths(Array.from({ length: 20_000 }, () => 'same.txt'))
    expect(new Set(many).size).toBe(20_000)
    expect(many.at(-1)).toBe('same (20000).txt')
  })
})
