"""How our pages look."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5a6370; --paper: #ffffff; --panel: #f4f5f7; --line: #d5d9df;
  --accent: #1f6f8b; --bad: #a8431c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e9ec; --soft: #a3abb6; --paper: #14171a; --panel: #1e2327; --line: #383f46; --accent: #6db8d4;
    --bad: #ee9a74; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p, .points { max-width: 46rem; }
a { color: var(--accent); }
.soft { color: var(--soft); }
.small { font-size: .85rem; }
nav { margin: 1rem 0; font-size: .9rem; } nav a { display: inline-block; margin: 0 .9rem .3rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.tile { background: var(--panel); border-radius: 8px; padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { display: block; font-size: .85rem; color: var(--soft); }
.tile.bad b { color: var(--bad); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 0 1.5rem; }
.summary { background: var(--panel); border-left: 4px solid var(--accent); padding: .6rem 1.1rem; margin: .75rem 0; }
.summary h2, .summary h3 { border: 0; margin: .3rem 0; padding: 0; font-size: 1.05rem; }
.summary ul { padding-left: 1.1rem; } .summary li { margin: .4rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child, td.left, th.left { text-align: left; }
td.name { text-align: left; white-space: normal; min-width: 9rem; max-width: 24rem; overflow-wrap: anywhere; }
td.figure { max-width: 34rem; }
td.wide { white-space: normal; min-width: 14rem; text-align: left; color: var(--soft); font-size: .85rem; }
.range { color: var(--soft); }
.worse { color: var(--bad); font-weight: 600; }
td.cell { background: color-mix(in srgb, var(--tone) var(--part), transparent); min-width: 5rem; }
td.right { --tone: var(--accent); }
td.wrong { --tone: var(--bad); }
svg { display: block; max-width: 100%; height: auto; } svg.line { max-width: none; }
svg text { fill: var(--soft); font-size: 11px; font-family: inherit; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0; }
figure { margin: 0; max-width: 100%; } figcaption { font-size: .85rem; color: var(--soft); max-width: 22rem; }
.axis { stroke: var(--line); fill: none; }
.ideal { stroke: var(--soft); stroke-dasharray: 4 4; fill: none; }
.curve { stroke: var(--accent); fill: none; stroke-width: 2; }
.band { fill: var(--accent); opacity: .15; }
.dot { fill: var(--accent); }
.whisker { stroke: var(--accent); stroke-width: 2; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0; padding: 0 .9rem; }
details > :last-child { margin-bottom: .8rem; }
summary { cursor: pointer; padding: .6rem 0; font-weight: 600; }
article { border-top: 1px solid var(--line); padding: .5rem 0; }
article p { margin: .25rem 0; white-space: pre-wrap; overflow-wrap: anywhere; max-width: none; }
article .answered { border-left: 3px solid var(--line); padding-left: .6rem; color: var(--soft); }
mark { color: inherit; border-radius: 3px; padding: 0 .1em;
  background: color-mix(in srgb, var(--tone) var(--part), transparent); }
mark.for { --tone: var(--bad); } mark.against { --tone: var(--accent); }
code { font-size: .85em; overflow-wrap: anywhere; }
.filters { display: flex; flex-wrap: wrap; gap: .5rem .9rem; align-items: end; margin: .75rem 0; }
.filters label { font-size: .8rem; color: var(--soft); display: grid; gap: .15rem; }
.filters select, .filters input { font: inherit; font-size: .9rem; color: var(--ink); background: var(--panel);
  border: 1px solid var(--line); border-radius: 5px; padding: .3rem .5rem; max-width: 14rem; }
.filters output { font-size: .9rem; }
[hidden] { display: none !important; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) minmax(0, 1fr); gap: .2rem 1rem; }
dt { color: var(--soft); overflow-wrap: anywhere; } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  th, td { padding: .3rem .4rem; font-size: .85rem; } th, td:first-child, td.name { white-space: normal; min-width: 0; }
  td.name, td:first-child { overflow-wrap: normal; hyphens: auto; }
  td.cell { min-width: 3.5rem; } .range { display: block; font-size: .75rem; }
  dl { grid-template-columns: minmax(0, 1fr); } dd { margin-bottom: .4rem; } h1 { font-size: 1.3rem; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --paper: #fff; --panel: #f4f5f7; --line: #bbb;
    --accent: #1f6f8b; --bad: #a8431c; }
  main { max-width: none; padding: 0; } .filters, nav { display: none; } .scroll { overflow: visible; }
  article, tr, figure, .tile { break-inside: avoid; } h2, h3 { break-after: avoid; }
  th, td { white-space: normal; padding: .2rem .4rem; font-size: .8rem; }
}
"""
