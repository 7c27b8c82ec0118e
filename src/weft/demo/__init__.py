"""The procedural catalogue that Weft draws itself: garments whose every attribute is known and can be seen."""
