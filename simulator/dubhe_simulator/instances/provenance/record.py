"""What is kept of what an instance ran with."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Revision:
    """The state of a folder below version control.

    Attributes:
        commit: the commit that is checked out, in full.
        branch: its branch; empty without one.
        changed: files that differ from the commit, at most `MOST_CHANGED` of them. Files that git
            does not know are not among them.
        changes: how many there are.
    """

    commit: str
    branch: str
    changed: tuple[str, ...] = ()
    changes: int = 0


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter.

    Attributes:
        executable: its path.
        version: such as ``3.11.7``.
        packages: the versions of installed distributions by their names.
    """

    executable: str
    version: str = ""
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """A machine.

    Attributes:
        name: its name in the network.
        system: operating system and kernel.
        cpus: processors that the platform may use.
        memory: in bytes; 0 if it is unknown.
        gpus: names of NVIDIA GPUs, as the driver shows them.
    """

    name: str
    system: str
    cpus: int
    memory: int
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContainerImage:
    """A container's image.

    Attributes:
        name: as it was asked for.
        id: of its content, on this engine; empty if the engine does not tell it.
        digest: its name with the digest that a registry has it by; empty if it came from none.
    """

    name: str
    id: str
    digest: str


@dataclass(frozen=True)
class Provenance:
    """With what an instance ran, as far as it could be told.

    Attributes:
        command: how it was started; empty if its image alone says that.
        folder: in which; that of a container is one of its image. Empty if it is not known.
        host: where.
        environment: its variables that matter, secrets masked.
        git: the state of its folder; None if that is not below git.
        python: the algorithm's interpreter; None if there is none.
        problems: what could not be told, and why.
        image: of its container; None if it runs in none. Then nothing in it was looked at, so
            packages, and changes since the commit, are not known.
    """

    command: str
    folder: str
    host: Host
    environment: dict[str, str] = field(default_factory=dict)
    git: Revision | None = None
    python: Interpreter | None = None
    problems: tuple[str, ...] = ()
    image: ContainerImage | None = None
