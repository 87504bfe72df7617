"""The command lines `dispatcherd` and `dispatcherctl` in Python, and the parts that projects build their own of.

The names with an underscore are used by programs of others, as they are in the original: they stay.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import sys
import textwrap
from typing import Any, Callable, Dict, List, Optional

try:
    import yaml
except ImportError as exc:
    raise ImportError("the command line of dispatcherd needs PyYAML: pip install PyYAML") from exc

from . import run_service
from .config import setup
from .factories import get_control_from_settings
from .service import control_tasks

logger = logging.getLogger(__name__)

DEFAULT_CONFIG_FILE = "dispatcher.yml"
CONTROL_ARGS_MARKER = "Control Args:"
TYPE_CASTERS: Dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float}

_CONFIG_VARIABLE = "DISPATCHERD_CONFIG_FILE"
_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_TOO_FEW = 1

Schema = Dict[str, Dict[str, Any]]


def _load_control_arg_schema(func: Callable[..., Any]) -> Schema:
    """Return the arguments that a command's docstring describes below `Control Args:`, {} for none."""
    _, _, after = (inspect.getdoc(func) or "").partition(CONTROL_ARGS_MARKER)
    block: List[str] = []
    for line in after.strip("\n").splitlines():
        if line[:1] not in (" ", "\t"):
            break
        block.append(line)
    schema = yaml.safe_load(textwrap.dedent("\n".join(block)))
    return schema if isinstance(schema, dict) else {}


CONTROL_ARG_SCHEMAS: Dict[str, Schema] = {
    command: _load_control_arg_schema(getattr(control_tasks, command)) for command in control_tasks.__all__
}
"""The arguments of each command: name -> type ("str", "int", "float", "bool"), help, required, default, choices."""


def get_control_arg_schemas() -> Dict[str, Schema]:
    """Return `CONTROL_ARG_SCHEMAS`."""
    return CONTROL_ARG_SCHEMAS


def _base_cli_parent() -> argparse.ArgumentParser:
    """Return a parser to be a parent: `--log-level` and `--config`."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--log-level", default="DEBUG", choices=_LEVELS,
                        help="Level of this program's own log, on standard output.")
    parent.add_argument("--config", type=os.path.abspath, default=DEFAULT_CONFIG_FILE,
                        help="File with the settings of dispatcherd.")
    return parent


def _control_common_parent() -> argparse.ArgumentParser:
    """Return a parser to be a parent: `--expected-replies`."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--expected-replies", type=int, default=1,
                        help="How many services must reply, where there are several.")
    return parent


def _register_control_arguments(parser: argparse.ArgumentParser, schema: Optional[Schema]) -> None:
    """Add an option for each argument of a command."""
    for name, described in (schema or {}).items():
        options: Dict[str, Any] = {"dest": name, "help": described.get("help"), "default": described.get("default")}
        kind = described.get("type", "str")
        if kind == "bool":
            options.update(action="store_true", default=described.get("default", False))
        else:
            options.update(type=TYPE_CASTERS.get(kind, str), required=bool(described.get("required")))
            if "choices" in described:
                options["choices"] = described["choices"]
        parser.add_argument("--" + name.replace("_", "-"), **options)


def _build_command_data_from_args(args: argparse.Namespace, command: str) -> Dict[str, Any]:
    """Return the control data of a command: its arguments that were given."""
    given = {name: getattr(args, name, None) for name in CONTROL_ARG_SCHEMAS.get(command, {})}
    return {name: value for name, value in given.items() if value is not None}


def get_parser(extra_parents: Optional[List[argparse.ArgumentParser]] = None) -> argparse.ArgumentParser:
    """Return the parser of the options that both programs have, and those of `extra_parents`."""
    return argparse.ArgumentParser(description="Start or ask the dispatcherd service.",
                                   parents=[_base_cli_parent()] + (extra_parents or []))


def setup_from_parser(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line, configure logging, read the settings; return what was read."""
    args = parser.parse_args()
    logging.basicConfig(level=getattr(logging, args.log_level), stream=sys.stdout)
    if os.getenv(_CONFIG_VARIABLE) and args.config == os.path.abspath(DEFAULT_CONFIG_FILE):
        logger.info("using the configuration that %s names: %s", _CONFIG_VARIABLE, os.getenv(_CONFIG_VARIABLE))
        setup()
    else:
        logger.info("using the configuration %s", args.config)
        setup(file_path=args.config)
    return args


def standalone() -> None:
    """Be the program `dispatcherd`: read the settings, and become the daemon."""
    try:
        setup_from_parser(get_parser())
        run_service()
    except Exception as exc:
        sys.exit("dispatcherd: %s" % _line(exc))


service = standalone


def control() -> None:
    """Be the program `dispatcherctl`: send one command, print the replies as YAML."""
    args = _control_parser()
    try:
        parsed = setup_from_parser(args)
        data = _build_command_data_from_args(parsed, parsed.command)
        replies = get_control_from_settings().control_with_reply(
            parsed.command, data=data, expected_replies=parsed.expected_replies)
    except Exception as exc:  # of a database's own, for example
        sys.exit("dispatcherctl: %s: %s" % (type(exc).__name__, _line(exc)))
    print(yaml.dump(replies, default_flow_style=False))
    if len(replies) < parsed.expected_replies:
        logger.error("Obtained only %d of %d, exiting with non-zero code", len(replies), parsed.expected_replies)
        sys.exit(_TOO_FEW)


def _line(exc: Exception) -> str:
    """Return the text of an error in one line: a database may say more."""
    return " ".join(str(exc).split())


def _control_parser() -> argparse.ArgumentParser:
    parser = get_parser([_control_common_parent()])
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.required = True
    for command in control_tasks.__all__:
        text = inspect.getdoc(getattr(control_tasks, command)) or ""
        own = commands.add_parser(command, help=text.partition("\n")[0], description=text.partition(CONTROL_ARGS_MARKER)[0],
                                  parents=[_repeated(_base_cli_parent()), _repeated(_control_common_parent())])
        _register_control_arguments(own, CONTROL_ARG_SCHEMAS[command])
    return parser


def _repeated(parent: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Make options count that stand before the command: after it, one that is absent sets nothing."""
    for action in parent._actions:
        action.default = argparse.SUPPRESS
    return parent
