import { useState } from 'react'
import { Icon } from './parts/icon.tsx'

type Theme = 'system' | 'light' | 'dark'
const key = 'longshore.theme'
const next: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }

/** Shows the page as it was left, before anything is drawn. */
export function applyTheme(theme = keptTheme()): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(keptTheme)
  const change = (): void => {
    const chosen = next[theme]
    localStorage.setItem(key, chosen)
    applyTheme(chosen)
    setTheme(chosen)
  }
  return (
    <button
      type="button"
      className="icon-button"
      onClick={change}
      aria-label={`Colours: ${theme}`}
      title={`Colours: ${theme}`}
    >
      <Icon name={theme === 'system' ? 'half' : theme === 'light' ? 'sun' : 'moon'} />
    </button>
  )
}

function keptTheme(): Theme {
  const kept = localStorage.getItem(key)
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}
