"""The command `sendit`: a module for each group of commands.

Commands import what they need inside their functions, so that `sendit --version`, `sendit --help` and shell completion
start in a fraction of a second. The modules here import at their head only the standard library, typer, rich, and
modules of SendIt that do the same.
"""
