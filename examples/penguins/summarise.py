"""The numbers: means and spreads of groups of birds, and a straight line through two measures."""

import csv
import statistics

MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def read(table):
    """The birds of a clean table, with their measures as numbers."""
    with open(table, newline="", encoding="utf-8") as file:
        return [
            {**bird, **{name: float(bird[name]) for name in MEASURES}}
            for bird in csv.DictReader(file)
        ]


def by_column(table, column):
    """What a step hands on: each group's size, and mean, deviation, extremes of each measure."""
    birds_by_group = {}
    for bird in read(table):
        birds_by_group.setdefault(bird[column], []).append(bird)
    groups = {
        group: {"birds": len(birds), **{name: spread(birds, name) for name in MEASURES}}
        for group, birds in sorted(birds_by_group.items())
    }
    for group, numbers in groups.items():
        print(f"{column} {group}: {numbers['birds']} birds")
    return {"groups": groups}


def spread(birds, name):
    values = [bird[name] for bird in birds]
    return {
        "mean": round(statistics.mean(values), 3),
        "deviation": round(statistics.stdev(values), 3),
        "min": min(values),
        "max": max(values),
    }


def line_through(xs, ys):
    """The line of least squares, and Pearson's correlation."""
    mean_x, mean_y = statistics.mean(xs), statistics.mean(ys)
    xx = sum((x - mean_x) ** 2 for x in xs)
    yy = sum((y - mean_y) ** 2 for y in ys)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys))
    slope = xy / xx
    return {
        "slope": round(slope, 6),
        "intercept": round(mean_y - slope * mean_x, 6),
        "correlation": round(xy / (xx * yy) ** 0.5, 6),
    }
