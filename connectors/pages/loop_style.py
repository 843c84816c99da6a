"""How the page of a played loop looks, by day and by night."""

STYLE = """
:root{--ground:#fff;--card:#f6f7f9;--ink:#1b1f24;--soft:#5b6570;--grid:#dfe3e8;--band:#e0a80033;
--a0:#8b97a6;--a1:#2f6fde;--a2:#d8690b;--a3:#7d4fd1;--a4:#0c8a6c;--a5:#c2336b;--a6:#8a6d00;
--good:#0c8a57;--bad:#c62f2f;--warn:#b97900;--odd:#7d4fd1;--open:#a9b2bd;--on:#fff}
@media (prefers-color-scheme:dark){:root{--ground:#14171b;--card:#1d2127;--ink:#e8ebef;
--soft:#9aa5b1;--grid:#2e343c;--band:#e0a8002e;--a0:#76828f;--a1:#6ea3ff;--a2:#f29647;--a3:#b394f5;
--a4:#3fc7a3;--a5:#f0729f;--a6:#d9b640;--good:#36b37e;--bad:#f0605f;--warn:#e3a53a;--odd:#b394f5;
--open:#56606b;--on:#0c0e11}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:28px 22px 60px;background:var(--ground);
color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:25px;margin:0 0 2px;line-height:1.25}h2{font-size:20px;margin:44px 0 4px}
h3{font-size:15px;margin:26px 0 0}p{margin:4px 0}.soft,figcaption{color:var(--soft)}
figure{margin:0}figcaption{font-size:13px}svg{display:block;width:100%;height:auto;margin-top:2px}
svg text{fill:var(--soft);font-size:12px;font-family:inherit}
svg text.row{fill:var(--ink)}svg text.on{fill:var(--on);font-weight:600}
.grid{stroke:var(--grid)}.axis{stroke:var(--soft)}line.cue{stroke:var(--ink);stroke-dasharray:2 3;
opacity:.55}.band{fill:var(--band)}.line{fill:none;stroke-width:2;stroke-linejoin:round}
.area{stroke:var(--ground);stroke-width:.6}
.a0{--is:var(--a0)}.a1{--is:var(--a1)}.a2{--is:var(--a2)}.a3{--is:var(--a3)}.a4{--is:var(--a4)}
.a5{--is:var(--a5)}.a6{--is:var(--a6)}.pass{--is:var(--good)}.fail{--is:var(--bad)}
.pause{--is:var(--warn)}.invalid{--is:var(--odd)}.need_data{--is:var(--open)}.watched{--is:var(--a1)}.band-key{--is:var(--band)}
.area,.strip{fill:var(--is)}.line{stroke:var(--is)}.ours{stroke-width:3}
.dashed{stroke-dasharray:6 4}.key{display:inline-block;width:12px;height:12px;border-radius:3px;
background:var(--is);margin-right:6px;vertical-align:-1px}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;font-size:13px;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin:14px 0}
.tile{background:var(--card);border-radius:8px;padding:12px 14px}.tile b{display:block;
font-size:18px;line-height:1.4}.tile span{font-size:13px;color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13.5px;margin-top:8px}
th,td{text-align:right;padding:5px 8px;border-bottom:1px solid var(--grid);white-space:nowrap;
font-variant-numeric:tabular-nums}th{color:var(--soft);font-weight:500}
th:first-child,td:first-child{text-align:left}td.say{text-align:left;white-space:normal}
tr.ours td{font-weight:600}details{margin-top:14px}summary{cursor:pointer}
"""
