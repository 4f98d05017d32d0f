# SPDX-License-Identifier: BSD-2-Clause
"""Line charts as SVG: one axis in powers of two, one linear or logarithmic."""
import math
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 760, 430
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 178, 46, 56
_COLOURS = ["#1b6ac9", "#d9480f", "#2b8a3e", "#862e9c", "#5c5f66", "#0b7285", "#e67700", "#c2255c"]
_FAMILY = "font-family='Helvetica, Arial, sans-serif'"


def _number(value):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def _linear_ticks(top):
    step = 10 ** math.floor(math.log10(top)) if top > 0 else 1
    for factor in (0.1, 0.2, 0.5, 1, 2):
        if top / (step * factor) <= 6:
            step *= factor
            break
    count = math.ceil(top / step)
    return [step * i for i in range(count + 1)]


def _log_ticks(low, top):
    ticks = []
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(top)) + 1):
        ticks += [factor * 10.0 ** exponent for factor in (1, 2, 5)]
    inside = [tick for tick in ticks if low / 2.5 < tick < top * 2.5]
    first = max([tick for tick in inside if tick <= low], default=inside[0])
    last = min([tick for tick in inside if tick >= top], default=inside[-1])
    return [tick for tick in inside if first <= tick <= last]


class _Axis:
    """Turns a value into a place between two pixels."""

    def __init__(self, low, high, start, end, log):
        self.log = log
        self.low, self.high = self._scale(low), self._scale(high)
        self.start, self.end = start, end

    def _scale(self, value):
        return math.log2(value) if self.log else value

    def at(self, value):
        width = self.high - self.low or 1
        return self.start + (self._scale(value) - self.low) / width * (self.end - self.start)


def _text(x, y, words, size=12, anchor="middle", extra="", fill="#343a40"):
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' "
            f"fill='{fill}' {_FAMILY} {extra}>{escape(words)}</text>")


def _frame(x_axis, y_axis, x_ticks, y_ticks, x_words):
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    out = []
    for tick in y_ticks:
        y = y_axis.at(tick)
        out.append(f"<line x1='{_LEFT}' y1='{y:.1f}' x2='{right}' y2='{y:.1f}' stroke='#dee2e6'/>")
        out.append(_text(_LEFT - 8, y + 4, _number(tick), anchor="end"))
    for tick in x_ticks:
        x = x_axis.at(tick)
        out.append(f"<line x1='{x:.1f}' y1='{bottom}' x2='{x:.1f}' y2='{bottom + 5}' "
                   "stroke='#868e96'/>")
        out.append(_text(x, bottom + 19, x_words(tick)))
    out.append(f"<line x1='{_LEFT}' y1='{bottom}' x2='{right}' y2='{bottom}' stroke='#868e96'/>")
    return out


def _series(points, x_axis, y_axis, colour, dashed):
    """points: (x, median, low, high), drawn with a bar from low to high."""
    dash = "stroke-dasharray='6 4'" if dashed else ""
    path = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y, _, _ in points)
    out = [f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2' {dash}/>"]
    for x, y, low, high in points:
        place = x_axis.at(x)
        out.append(f"<line x1='{place:.1f}' y1='{y_axis.at(low):.1f}' x2='{place:.1f}' "
                   f"y2='{y_axis.at(high):.1f}' stroke='{colour}' stroke-opacity='0.5'/>")
        out.append(f"<circle cx='{place:.1f}' cy='{y_axis.at(y):.1f}' r='3' fill='{colour}'/>")
    return out


def line_chart(title, x_title, y_title, series, log_y=False, x_words=str):
    """series: a list of (name, colour number, dashed, points). Returns the
    text of an SVG file, or None when there is nothing to draw."""
    points = [point for entry in series for point in entry[3]]
    if not points or max(point[3] for point in points) <= 0:
        return None
    xs = sorted({point[0] for point in points})
    top = max(point[3] for point in points)
    low = min(point[2] for point in points)
    log_y = log_y and low > 0
    y_ticks = _log_ticks(low, top) if log_y else _linear_ticks(top)
    x_axis = _Axis(xs[0], xs[-1], _LEFT + 12, _WIDTH - _RIGHT - 12, True)
    y_axis = _Axis(y_ticks[0], y_ticks[-1], _HEIGHT - _BOTTOM, _TOP, log_y)
    out = [f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{_HEIGHT}' "
           f"viewBox='0 0 {_WIDTH} {_HEIGHT}'>",
           f"<rect width='{_WIDTH}' height='{_HEIGHT}' fill='white'/>",
           _text(_LEFT, 26, title, 15, "start", "font-weight='bold'")]
    out += _frame(x_axis, y_axis, xs, y_ticks, x_words)
    out.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, x_title))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    out.append(_text(20, middle, y_title, extra=f"transform='rotate(-90 20 {middle:.1f})'"))
    legend = _WIDTH - _RIGHT + 16
    for number, (name, index, dashed, data) in enumerate(series):
        colour = _COLOURS[index % len(_COLOURS)]
        dash = "stroke-dasharray='6 4'" if dashed else ""
        y = _TOP + 8 + 20 * number
        out += _series(sorted(data), x_axis, y_axis, colour, dashed)
        out.append(f"<line x1='{legend}' y1='{y}' x2='{legend + 22}' y2='{y}' "
                   f"stroke='{colour}' stroke-width='2' {dash}/>")
        out.append(_text(legend + 28, y + 4, name, anchor="start"))
    return "\n".join(out + ["</svg>", ""])
