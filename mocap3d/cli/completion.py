"""``mocap3d completion SHELL``."""

import io
import re
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Literal

import tyro

from mocap3d.cli.app import COMMANDS
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse

_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9.-]*")
_BASH = """# mocap3d: completion for bash. Add to ~/.bashrc:  eval "$(mocap3d completion bash)"
_mocap3d() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} words=
    if [[ $COMP_CWORD -eq 1 ]]; then
        words="{commands}"
    elif [[ $word == -* ]]; then
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [[ ${{#COMPREPLY[@]}} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$word"))
}}
complete -o filenames -F _mocap3d mocap3d
"""
_ZSH_FIRST = "autoload -U +X bashcompinit && bashcompinit\n"
"""zsh runs what was written for bash."""


@dataclass(frozen=True)
class Completion:
    """Print what makes a shell complete commands and flags.

    $ eval "$(mocap3d completion bash)"
    $ eval "$(mocap3d completion zsh)"
    $ mocap3d completion fish > ~/.config/fish/completions/mocap3d.fish
    """

    shell: tyro.conf.Positional[Literal["bash", "zsh", "fish"]]
    """For which shell."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Asks every command for its flags, prints; 0."""
    command = parse(Completion, arguments)
    flags = {name: flags_of(name) for name in COMMANDS if name != "completion"}
    text = _fish(flags) if command.shell == "fish" else _bash(flags)
    text = _ZSH_FIRST + text if command.shell == "zsh" else text
    if not command.output.json:
        print(text, end="")
    Output(command.output).result({"shell": command.shell, "script": text})
    return 0


def flags_of(name: str) -> tuple[str, ...]:
    """The flags that a command's help names."""
    told = io.StringIO()
    with redirect_stdout(told), suppress(SystemExit):  # how a parser ends its help
        import_module(f"mocap3d.cli.{name.replace('-', '_')}").run(["--help"])
    return tuple(sorted(set(_FLAG.findall(told.getvalue()))))


def _bash(flags: dict[str, tuple[str, ...]]) -> str:
    cases = "\n".join(f'        {name}) words="{" ".join(known)}" ;;' for name, known in flags.items())
    return _BASH.format(commands=" ".join(COMMANDS), cases=cases)


def _fish(flags: dict[str, tuple[str, ...]]) -> str:
    lines = [f"complete -c mocap3d -n __fish_use_subcommand -a {name} -d '{COMMANDS[name]}'" for name in COMMANDS]
    for name, known in flags.items():
        lines += [f"complete -c mocap3d -n '__fish_seen_subcommand_from {name}' -l {flag[2:]}" for flag in known]
    return "\n".join(lines) + "\n"
