"""The frame that every result is drawn in, with the one style sheet of all."""

from __future__ import annotations

from typing import Any

from ftkit.display.html.elements import Html, Tone, element, joined, pill

_COLOURS = """
div.ftkit{--good:#1a7f37;--bad:#cf222e;--warn:#9a6700;--busy:#0969da;--ink:currentColor;--quiet:#6e7781;
--line:#8c959f66;--tuned:#0969da;--base:#8c959f;--heat:#0969da;--on-heat:#fff;
font:13px/1.45 system-ui,sans-serif;margin:.3em 0}
"""
_RULES = """
div.ftkit .head{display:flex;flex-wrap:wrap;gap:.5em;align-items:baseline;margin:0 0 .4em}
div.ftkit .head b{font-size:1.1em}
div.ftkit .head span.quiet,div.ftkit .quiet{color:var(--quiet)}
div.ftkit .pill{border:1px solid var(--quiet);border-radius:1em;padding:0 .6em;font-size:.9em;
white-space:normal;overflow-wrap:anywhere}
div.ftkit .pill.good{color:var(--good);border-color:var(--good)}
div.ftkit .pill.bad{color:var(--bad);border-color:var(--bad)}
div.ftkit .pill.warn{color:var(--warn);border-color:var(--warn)}
div.ftkit .pill.busy{color:var(--busy);border-color:var(--busy)}
div.ftkit div.wide{overflow-x:auto}
div.ftkit table{border-collapse:collapse;margin:.3em 0;font-size:1em;border:0}
div.ftkit table caption{text-align:left;caption-side:top;white-space:nowrap;padding:.2em 0;color:inherit;
font-weight:600}
div.ftkit table th,div.ftkit table td{text-align:left;vertical-align:top;padding:.15em 1em .15em 0;border:0;
border-bottom:1px solid var(--line);white-space:normal;overflow-wrap:break-word}
div.ftkit table thead th,div.ftkit div.wide td code,div.ftkit td>span,div.ftkit td>b>span{white-space:nowrap}
div.ftkit td.long{min-width:18em;max-width:34em}
div.ftkit p,div.ftkit pre,div.ftkit table.fields{max-width:62em}
div.ftkit table.fields td{overflow-wrap:anywhere}
div.ftkit table th.n,div.ftkit table td.n{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}
div.ftkit table.fields th{font-weight:400;color:var(--quiet);white-space:nowrap}
div.ftkit table tr{background:none}
div.ftkit code{font:.95em ui-monospace,monospace;background:none;padding:0;color:inherit}
div.ftkit pre{font:.9em/1.4 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:.1em 0;
background:none;color:inherit;padding:0}
div.ftkit mark{background:none;color:inherit;text-decoration:underline wavy var(--bad)}
div.ftkit p{margin:.3em 0}
div.ftkit>p:only-of-type{margin:.1em 0}
div.ftkit p.note{color:var(--warn)}
div.ftkit details{margin:.3em 0}
div.ftkit summary{cursor:pointer}
div.ftkit .bar{display:inline-block;width:12em;height:.6em;border-radius:.3em;background:var(--line);
vertical-align:middle;overflow:hidden}
div.ftkit .fill{display:block;height:100%;background:var(--busy)}
div.ftkit .fill.good{background:var(--good)}
div.ftkit .fill.bad{background:var(--bad)}
div.ftkit svg.chart{width:100%;max-width:32em;height:auto;display:block;color:inherit}
div.ftkit svg text{fill:currentColor;font-family:system-ui,sans-serif}
"""
_DARK = """
div.ftkit.dark{--good:#3fb950;--bad:#f85149;--warn:#d29922;--busy:#58a6ff;--quiet:#8b949e;--tuned:#58a6ff;
--base:#6e7681;--heat:#58a6ff}
"""
_DARK_NAMES = ("[data-jp-theme-light='false']", "body.vscode-dark", "html[theme=dark]",
               "[data-md-color-scheme=slate]")  # fmt: skip
"""How JupyterLab, VS Code, Colab and our own site say that their page is dark."""


def _dark() -> str:
    rule = _DARK.strip().removeprefix("div.ftkit.dark")
    return "".join(f"{name} div.ftkit.ftkit.ftkit{rule}" for name in _DARK_NAMES)


def _sheet() -> Html:
    # front ends have rules of their own for tables in outputs, which name up to two classes
    rules = (_COLOURS + _RULES).strip().replace("div.ftkit", "div.ftkit.ftkit.ftkit")
    return Html(f"<style>{rules}{_dark()}</style>".replace("\n", ""))


STYLE = _sheet()


def card(
    title: Any, *content: Any, state: str | None = None, tone: Tone = "plain", about: Any = None
) -> Html:
    """A result: its title, its state in a coloured frame, a few quiet words, then what it holds."""
    head = [element("b", title)]
    if state:
        head.append(pill(state, tone))
    if about is not None:
        head.append(element("span", about, cls="quiet"))
    return framed(element("div", joined(head), cls="head"), *content)


def framed(*content: Any) -> Html:
    """Whatever is drawn here, with the style sheet."""
    return element("div", STYLE, *content, cls="ftkit")
