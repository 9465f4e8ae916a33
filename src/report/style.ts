/**
 * The report's one style sheet: light and dark, readable on paper, no web fonts. A table that can be scrolled has a shadow on the side where it goes on:
 * it lies on the box, and the covers over it go along with the content and away.
 */
export const styleSheet = `
:root{color-scheme:light dark;--ink:#1d2733;--muted:#66727f;--line:#dfe4ea;--paper:#fff;--soft:#f5f7f9;--s1:#1f6feb;--s2:#d9641e;--s3:#2a8f5b;--s4:#8250df;--good:#1a7f4b;--bad:#c0362c;--warn:#a86400;--shade:#0003}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e4e9ef;--muted:#95a1ae;--line:#2c3540;--paper:#12171d;--soft:#1a2129;--s1:#6aa8ff;--s2:#ff9c5e;--s3:#5fcf95;--s4:#bd9bff;--good:#5fcf95;--bad:#ff7d72;--warn:#e0a93f;--shade:#fff3}}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:19px;margin:40px 0 12px;padding-top:14px;border-top:1px solid var(--line)}h3{font-size:15px;margin:22px 0 8px}
.sub{color:var(--muted);margin:0 0 20px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:16px 0}
.tile{background:var(--soft);border-radius:8px;padding:12px 14px}.tile b{display:block;font-size:17px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}.tile b.short{white-space:nowrap}.tile span{color:var(--muted);font-size:13px}
.charts{margin-top:18px;display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:20px}
figure{margin:0;max-width:600px}figcaption{font-weight:600;margin-bottom:6px}svg{width:100%;height:auto;display:block}
.scroll{overflow-x:auto;background:linear-gradient(to right,var(--paper) 40%,transparent) left/36px 100% no-repeat local,linear-gradient(to left,var(--paper) 40%,transparent) right/36px 100% no-repeat local,linear-gradient(to right,var(--shade),transparent) left/14px 100% no-repeat scroll,linear-gradient(to left,var(--shade),transparent) right/14px 100% no-repeat scroll}.charts .scroll{max-height:460px;overflow-y:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--muted);font-weight:600}th:first-child,td:first-child,.text{text-align:left}td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:150px;max-width:320px}td.reason{white-space:normal;text-align:left;color:var(--muted);min-width:220px}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}.warn{color:var(--warn)}.muted,.empty{color:var(--muted)}.interval{display:block;color:var(--muted);font-size:12px}
.bar{display:block;height:10px;border-radius:3px;background:var(--s1);min-width:2px}.bar.cached{background:var(--line)}
.grid{stroke:var(--line)}.axis{stroke:var(--muted)}.tick{font-size:11px;fill:var(--muted)}.label{font-size:12px;fill:var(--muted)}
.series{fill:none;stroke-width:2;stroke-linejoin:round}.series.dashed{stroke-dasharray:5 4;stroke-width:1.5}
.series.s0{stroke:var(--muted)}.series.s1{stroke:var(--s1)}.series.s2{stroke:var(--s2)}.series.s3{stroke:var(--s3)}.series.s4{stroke:var(--s4)}
.dot.s0{fill:var(--muted)}.dot.s1{fill:var(--s1)}.dot.s2{fill:var(--s2)}.dot.s3{fill:var(--s3)}.dot.s4{fill:var(--s4)}
.legend{margin:4px 0 0;color:var(--muted);font-size:13px}.key{display:inline-block;width:16px;height:0;border-top:3px solid var(--muted);vertical-align:middle;margin:0 5px 0 10px}.key.dashed{border-top-style:dashed;border-top-width:2px}
.key.s1{border-color:var(--s1)}.key.s2{border-color:var(--s2)}.key.s3{border-color:var(--s3)}.key.s4{border-color:var(--s4)}
td.cell{text-align:center}td.drift{background:color-mix(in srgb,var(--bad) 18%,transparent);print-color-adjust:exact}td.drift .muted{color:inherit}
@media print{:root{color-scheme:light}main{max-width:none;padding:0}.scroll,.charts .scroll{overflow:visible;max-height:none;background:none}th,td{white-space:normal}h2{break-after:avoid}figure,table{break-inside:avoid}}
`
