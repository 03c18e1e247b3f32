"""The steps of `shardmill pipeline`: its file, what is done already, and how a step is run.

    commands.py      the commands that can be a step, and how each says that it is finished
    step_options.py  values of TOML as a command line has them
    stages_file.py   the file: steps, references to earlier ones, all checked before anything runs
    digests.py       sha256 of files, not computed again for files that were not touched
    reads.py         the files that a step reads, and those by which its output is known
    records.py       what was made: a record for each step
    changes.py       what differs between a step and its record
    states.py        what is to do, and why
    show_steps.py    the plan as people and programs read it
    child.py         one of our commands as a process, and the signals that it gets
    run_step.py      one step, from making room to noting what it made

May import: report, folder, planning, transforms, schemas.
"""
