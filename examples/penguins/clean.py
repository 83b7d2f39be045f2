"""From field notes to a table: short names, one unit a column, no bird that was not measured."""

import csv
import os
import sys

NAMES = {
    "Culmen Length (mm)": "bill_length_mm",
    "Culmen Depth (mm)": "bill_depth_mm",
    "Flipper Length (mm)": "flipper_length_mm",
    "Body Mass (g)": "body_mass_g",
}


def clean(note):
    """The row of a bird, or None where it was not measured."""
    measures = {name: note[column] for column, name in NAMES.items()}
    if "NA" in measures.values():
        return None
    return {
        "species": note["Species"].split()[0],
        "island": note["Island"],
        "year": note["Date Egg"][:4],
        "sex": "" if note["Sex"] == "NA" else note["Sex"].lower(),
        **measures,
    }


def main(raw, table):
    with open(raw, newline="", encoding="utf-8") as notes:
        rows = [clean(note) for note in csv.DictReader(notes)]
    birds = [row for row in rows if row is not None]
    os.makedirs(os.path.dirname(table) or ".", exist_ok=True)
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=birds[0].keys())
        writer.writeheader()
        writer.writerows(birds)
    with open(os.environ["ORCHESTRA_OUTPUT"], "a") as outputs:
        outputs.write(f"birds={len(birds)}\ndropped={len(rows) - len(birds)}\n")
    print(f"{len(birds)} birds measured, {len(rows) - len(birds)} dropped")


if __name__ == "__main__":
    main(*sys.argv[1:])
