"""`diptych sweep best`: what a sweep found, as presets, and judged once more."""
