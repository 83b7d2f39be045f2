"""The plot: body mass against another measure, drawn as SVG with the standard library alone."""

import json
import math
import sys

from summarise import read

WIDTH, HEIGHT = 760, 500
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 78, 62
STYLE_BY_SPECIES = {
    "Adelie": ("#e8710a", "circle"),
    "Chinstrap": ("#8e44ad", "triangle"),
    "Gentoo": ("#0f8b8d", "square"),
}
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


class Scale:
    """Maps values to pixels, with ticks at round numbers."""

    def __init__(self, values, start, end):
        low, high = min(values), max(values)
        self.step = round_step((high - low) / 6)
        self.low = math.floor(low / self.step) * self.step
        self.high = math.ceil(high / self.step) * self.step
        self.start, self.end = start, end

    def __call__(self, value):
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        count = round((self.high - self.low) / self.step)
        return [self.low + n * self.step for n in range(count + 1)]


def round_step(step):
    """The next of 1, 2, 5, 10, 20, 50 … that is no smaller."""
    power = 10 ** math.floor(math.log10(step))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= step)


def text(x, y, words, size=12, colour="#55606e", anchor="middle", extra=""):
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' "
        f"text-anchor='{anchor}' {extra}>{words}</text>"
    )


def line(x1, y1, x2, y2, colour, extra=""):
    return (
        f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' {extra}/>"
    )


def mark(x, y, species, size=4.2):
    colour, shape = STYLE_BY_SPECIES[species]
    paint = f"fill='{colour}' fill-opacity='0.62' stroke='{colour}' stroke-width='0.8'"
    if shape == "circle":
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{size}' {paint}/>"
    if shape == "square":
        side = size * 1.8
        corner = f"x='{x - side / 2:.1f}' y='{y - side / 2:.1f}'"
        return f"<rect {corner} width='{side:.1f}' height='{side:.1f}' rx='1' {paint}/>"
    d = size * 1.25
    points = f"{x:.1f},{y - d:.1f} {x - d:.1f},{y + d * 0.8:.1f} {x + d:.1f},{y + d * 0.8:.1f}"
    return f"<polygon points='{points}' {paint}/>"


def axes(across, up, name):
    for tick in across.ticks():
        x = across(tick)
        yield line(x, TOP, x, HEIGHT - BOTTOM, "#e6e9ee")
        yield text(x, HEIGHT - BOTTOM + 20, f"{tick:g}")
    for tick in up.ticks():
        y = up(tick)
        yield line(LEFT, y, WIDTH - RIGHT, y, "#e6e9ee")
        yield text(LEFT - 10, y + 4, f"{tick:g}", anchor="end")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, name, 13)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield text(20, middle, "body mass (g)", 13, extra=f"transform='rotate(-90 20 {middle})'")


def legend():
    x = WIDTH - RIGHT - 285
    for species, (colour, _) in STYLE_BY_SPECIES.items():
        yield mark(x, 42, species, 5)
        yield text(x + 11, 46, species, 13, colour, "start", "font-weight='600'")
        x += 36 + 8.6 * len(species)


def draw(birds, trait, fit):
    measure = trait.rsplit("_", 1)[0].replace("_", " ")
    xs = [bird[trait] for bird in birds]
    across = Scale(xs, LEFT, WIDTH - RIGHT)
    up = Scale([bird["body_mass_g"] for bird in birds], HEIGHT - BOTTOM, TOP)
    yield (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' "
        f"width='{WIDTH}' height='{HEIGHT}' {FONT} role='img'>"
    )
    yield f"<title>Body mass against {measure} of {len(birds)} penguins</title>"
    yield f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#ffffff'/>"
    title = f"Body mass against {measure}"
    yield text(LEFT, 34, title, 18, "#1d2733", "start", "font-weight='700'")
    said = f"{len(birds)} penguins, correlation {fit['correlation']:.2f}"
    yield text(LEFT, 54, said, 13, anchor="start")
    yield from legend()
    yield from axes(across, up, f"{measure} (mm)")
    ends = [(across(x), up(fit["intercept"] + fit["slope"] * x)) for x in (min(xs), max(xs))]
    yield line(*ends[0], *ends[1], "#1d2733", "stroke-width='1.6' stroke-dasharray='6 4'")
    for bird in birds:
        yield mark(across(bird[trait]), up(bird["body_mass_g"]), bird["species"])
    yield "</svg>"


if __name__ == "__main__":
    table, trait, fit, path = sys.argv[1:]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(draw(read(table), trait, json.loads(fit))) + "\n")
    print("drew", path)
