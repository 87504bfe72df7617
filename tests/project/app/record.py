"""A task that writes down exactly what has arrived."""

from dispatcherd.publish import task


@task()
def record(path, *args, **kwargs):
    with open(path, "w") as f:
        f.write(ascii([list(args), kwargs]) + "\n")
    return [list(args), kwargs]
