/**
 * How a page looks.
 *
 * @since 0.1.0
 */

/**
 * The text of the style sheet.
 *
 * @category constants
 * @since 0.1.0
 */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --band: #f6f8fa;
  --won: #1a7f37; --failed: #b4232c; --interrupted: #6e7781; --answered: #0a5f8a; --focus: #0550ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1318; --ink: #e6edf3; --soft: #9da7b3; --line: #343b44; --band: #171c23;
    --won: #4ac26b; --failed: #ff8182; --interrupted: #8b949e; --answered: #6cb6ff; --focus: #79c0ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { margin: 0.5rem 0 0; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.125rem; }
header p { margin: 0.25rem 0 0; color: var(--soft); }
.chart {
  display: grid; grid-template-columns: fit-content(26rem) minmax(10rem, 1fr) max-content fit-content(18rem);
  margin: 0 0 1.5rem;
}
.chart > * { grid-column: 1 / -1; }
.chart ol, .chart li, .axis { display: grid; grid-template-columns: subgrid; }
.chart ol { margin: 0; padding: 0; list-style: none; }
.chart li { grid-column: 1 / -1; align-items: center; padding: 0.125rem 0; }
.chart li:nth-child(odd) { background: var(--band); }
.axis > svg { grid-column: 2; }
.label { padding-right: 1rem; font-family: ui-monospace, monospace; font-size: 0.875rem; }
.mark { display: inline-block; width: 1.25rem; }
.took { padding-left: 0.75rem; text-align: right; font-variant-numeric: tabular-nums; }
.note { padding-left: 0.75rem; color: var(--soft); }
svg { display: block; overflow: visible; }
svg text { fill: var(--soft); font-size: 0.75rem; }
svg line { stroke: var(--line); }
.won { --hue: var(--won); } .failed, .unanswered { --hue: var(--failed); }
.interrupted, .running { --hue: var(--interrupted); } .answered { --hue: var(--answered); }
.mark { color: var(--hue); }
rect, circle { fill: var(--hue); }
.won .label { font-weight: 600; }
.scroll { overflow: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 0.9375rem; }
th, td { padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
tbody th { font-weight: 400; font-family: ui-monospace, monospace; font-size: 0.875rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { max-height: 24rem; margin: 0; padding: 0.75rem; background: var(--band); white-space: pre-wrap; font-size: 0.8125rem; }
button { padding: 0.25rem 0.75rem; border: 1px solid var(--soft); border-radius: 0.25rem; background: var(--paper); color: inherit; font: inherit; }
#copied { margin-left: 0.75rem; color: var(--soft); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
@media (max-width: 45rem) {
  .chart, .chart ol, .axis, .chart li { display: block; }
  .chart li { padding: 0.25rem 0 0.5rem; }
  .label, .took, .note { padding: 0; }
  .note::before { content: " · "; }
  tbody th { min-width: 9rem; white-space: normal; }
}
`
