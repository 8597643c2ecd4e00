"""stub"""


def write(output, sections):
    pass
