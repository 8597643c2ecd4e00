"""Reads an algorithm without running it, and says what will happen: `dubhe check`.

`source` reads Python files, `run_sh` the script that starts them, `requirements` what is installed;
`report` makes lines of it. Nothing of the algorithm is imported.
"""
