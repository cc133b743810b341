"""What the user can ask for: one file per command of `diptych`, found by its name.

Its docstring begins with what help shows, "`diptych NAME ARGUMENTS`: what it does.", and it has the function
`main(argv)`, which returns the exit status. It is imported only when it is asked for.
"""
