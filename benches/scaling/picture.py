"""Draws speed-ups or efficiencies over the number of ranks as SVG, for light and dark pages of any width."""

from html import escape
from math import floor, log2

WIDTH, LEFT, RIGHT, TALL, ABOVE = 390, 44, 378, 150, 34
STYLE = """:root { --paper: #ffffff; --ink: #1d2433; --soft: #5d6779; --grid: #e3e7ee;
  --c0: #0068b5; --c1: #c2410c; --c2: #0f7b5f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e8ecf3; --soft: #a3adbd; --grid: #2c3440;
  --c0: #5fb2f5; --c1: #ff9960; --c2: #4fd1ab; } }
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink); }
.soft { fill: var(--soft); } .end { text-anchor: end; } .middle { text-anchor: middle; } .title { font-weight: 600; }
.grid { stroke: var(--grid); } .ideal { stroke: var(--soft); stroke-dasharray: 1 3; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .dash { stroke-dasharray: 5 4; }
.k0 { --k: var(--c0); } .k1 { --k: var(--c1); } .k2 { --k: var(--c2); } .line { stroke: var(--k); } .dot { fill: var(--k); }"""


def text(x, y, words, kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def panel(top, strong, names, title, most, lines, dots):
    """A panel below `top`: logarithmic in ranks, and in the speed-up; efficiencies from 0 to 1."""
    low, high = top + ABOVE + TALL, top + ABOVE
    across = lambda ranks: LEFT + (RIGHT - LEFT) * log2(ranks) / log2(most)
    least = min(value for points in [*lines.values(), *dots.values()] for _, value in points)
    base = min(1, 2.0 ** floor(log2(least)))
    share = lambda value: log2(value / base) / log2(most / base) if strong else value / 1.1
    down = lambda value: low - TALL * share(value)
    out = []
    for number, part in enumerate(title.split(": ")):
        out.append(text(0, top + 8 + 15 * number, part, "soft" if number else "title"))
    steps = [1 << power for power in range(most.bit_length())]
    below = [1 / (1 << power) for power in range(1, 8) if 1 / (1 << power) >= base]
    for value in below + steps if strong else [0, 0.25, 0.5, 0.75, 1]:
        out.append(f'<path class="grid" d="M{LEFT} {down(value):.1f}H{RIGHT}"/>')
        out.append(text(LEFT - 6, down(value) + 4, f"×{value:g}" if strong else f"{100 * value:.0f} %", "soft end"))
    out += [text(across(ranks), low + 16, str(ranks), "soft middle") for ranks in steps]
    ideal = most if strong else 1
    out.append(f'<path class="ideal" d="M{across(1):.1f} {down(1):.1f}L{across(most):.1f} {down(ideal):.1f}"/>')
    for (name, dash), points in lines.items():
        path = "L".join(f"{across(ranks):.1f} {down(value):.1f}" for ranks, value in points)
        out.append(f'<path class="line k{names.index(name)} {dash}" d="M{path}"/>')
    for name, points in dots.items():
        for ranks, value in points:
            out.append(f'<circle class="dot k{names.index(name)}" cx="{across(ranks):.1f}" cy="{down(value):.1f}" r="4"/>')
    return out


def picture(path, strong, names, panels):
    """Each panel is a title, the most ranks, lines by net and dash, and dots by net."""
    what = "Speed-up over one rank, the same batch" if strong else "Efficiency, the same shard on every rank"
    out = [text(0, 12, f"{what}; across: ranks", "title")]
    at = 0
    for number, name in enumerate(names):
        out.append(f'<path class="line k{number}" d="M{at} 28h18"/>' + text(at + 24, 32, name))
        at += 44 + 8 * len(name)
    out.append(f'<path class="ideal" d="M{at} 28h18"/>' + text(at + 24, 32, "ideal"))
    top = 56
    for one in panels:
        out += panel(top, strong, names, *one)
        top += ABOVE + TALL + 38
    box = f"-8 -8 {WIDTH + 8} {top}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{WIDTH + 8}" height="{top}" role="img">'
    back = f'<rect x="-8" y="-8" width="{WIDTH + 8}" height="{top}" fill="var(--paper)"/>'
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{head}<title>{what}</title><style>{STYLE}</style>{back}\n" + "\n".join(out) + "\n</svg>\n")
