"""The report: the numbers for programs (JSON) and for people (Markdown)."""

import json
import os


def write(folder, trait, lines, dropped, fit, groups_by_column):
    """Write report.json and report.md; hands on the path of the latter."""
    numbers = {
        "lines": lines,
        "dropped": dropped,
        "trait": trait,
        "fit": fit,
        "groups": groups_by_column,
    }
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(numbers, file, indent=2)
        file.write("\n")
    path = os.path.join(folder, "report.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(page(numbers)) + "\n")
    return {"report": path}


def page(numbers):
    fit = numbers["fit"]
    yield "# Penguins of the Palmer Archipelago"
    yield ""
    yield (
        f"{numbers['lines'] - numbers['dropped']} of {numbers['lines']} birds were measured. "
        f"Body mass follows {label(numbers['trait'])} with a correlation of "
        f"{fit['correlation']:.3f}: {fit['slope']:+.1f} g per mm."
    )
    yield ""
    yield "![Body mass](penguins.svg)"
    for column, groups in numbers["groups"].items():
        yield ""
        yield f"| {column} | birds | bill length (mm) | bill depth (mm) | flipper (mm) | mass (g) |"
        yield "|---|--:|--:|--:|--:|--:|"
        for group, measures in groups.items():
            yield (
                f"| {group} | {measures['birds']} "
                f"| {cell(measures['bill_length_mm'])} | {cell(measures['bill_depth_mm'])} "
                f"| {cell(measures['flipper_length_mm'])} | {cell(measures['body_mass_g'])} |"
            )


def cell(spread):
    return f"{spread['mean']:.1f} ± {spread['deviation']:.1f}"


def label(trait):
    return trait.rsplit("_", 1)[0].replace("_", " ")
