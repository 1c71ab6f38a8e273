/** The page's only style sheet: by the reader's own colours, for any width. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14181d);
  --raised: light-dark(#f3f5f7, #1d232a);
  --text: light-dark(#1b2127, #e4e8ec);
  --quiet: light-dark(#4e5a66, #a3aeb9);
  --line: light-dark(#d4dae0, #36404a);
  --accent: light-dark(#0a5ca8, #7cb8f2);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem 1rem; z-index: 1; }
header, main, nav { padding: 1rem; max-width: 62rem; }
h1 { font-size: 1.8rem; margin: 0; }
h2 { margin: 2.5rem 0 1rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { margin: 2rem 0 .5rem; font-size: 1.15rem; }
h4 { margin: 1.2rem 0 .4rem; font-size: 1rem; }
.quiet { color: var(--quiet); }
code, pre { font: .9em/1.5 ui-monospace, monospace; }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem; overflow-x: auto; margin: 0; }
.place { display: block; background: var(--raised); border-left: .3rem solid var(--accent); padding: .4rem .7rem; }
.method { font-weight: 700; }
.curl { position: relative; }
.curl button { position: absolute; top: .4rem; right: .4rem; }
button { font: inherit; font-size: .85rem; padding: .25rem .7rem; min-height: 2rem; border: 1px solid var(--line); border-radius: .3rem; background: var(--ground); color: var(--text); cursor: pointer; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); min-width: 6rem; overflow-wrap: normal; }
td p { margin: 0; }
caption { text-align: left; color: var(--quiet); padding: .2rem 0; }
nav ul { list-style: none; padding: 0; margin: 0; }
nav li a { display: block; padding: .25rem 0; text-decoration: none; }
nav summary { font-weight: 600; padding: .4rem 0; cursor: pointer; }
@media (min-width: 70rem) {
  body { display: grid; grid-template: auto 1fr / 20rem 1fr; }
  header { grid-column: 1 / -1; }
  nav { border-right: 1px solid var(--line); position: sticky; top: 0; max-height: 100vh; overflow-y: auto; }
}
@media print { nav, button { display: none; } }
`

/** Copies an example when its button is pressed; without a script the buttons stay hidden. */
export const script = `
for (const button of document.querySelectorAll('button[data-copies]')) {
  const example = document.getElementById(button.dataset.copies)
  button.hidden = false
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(example.textContent)
      button.textContent = 'Copied'
    } catch {
      getSelection().selectAllChildren(example)
      button.textContent = 'Selected'
    }
    setTimeout(() => { button.textContent = 'Copy' }, 2000)
  })
}
`
