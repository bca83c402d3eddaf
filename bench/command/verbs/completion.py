"""Print what makes a shell complete commands: verbs, options, choices and runs.

`eval "$(bench completion bash)"` in `~/.bashrc` completes `bench`, where it is installed: `bench sp<Tab>`,
`bench task=copy task.de<Tab>`, `bench cell=gru,l<Tab>`, `bench show <Tab>`.
"""

from __future__ import annotations

from argparse import Namespace

from bench.command.parser import Parser

_BASH = r"""
_bench() {
    local line="${COMP_LINE:0:COMP_POINT}" word cut
    local -a words
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    word="${words[-1]}"
    cut="${word%"${word##*=}"}"
    [[ "$COMP_WORDBREAKS" == *=* ]] || cut=""
    mapfile -t COMPREPLY < <(bench completion words -- "${words[@]:1}" 2> /dev/null)
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    [[ "${#COMPREPLY[@]}" == 1 && "${COMPREPLY[0]}" != *= ]] && compopt +o nospace
}
complete -o nospace -F _bench bench
"""


def arguments(parser: Parser) -> None:
    """The shell; or the words that it asks about."""
    parser.add_argument("shell", choices=("bash", "words"), help="the shell; words: the completions of the last one")
    parser.add_argument("words", nargs="*", metavar="WORD", help="the words of a command after `bench`")


def run(options: Namespace) -> int:
    """Print the script, or a completion a line."""
    if options.shell == "bash":
        print(_BASH.strip())
        return 0

    from bench.command.complete import completions

    for word in completions(options.words):
        print(word)
    return 0
