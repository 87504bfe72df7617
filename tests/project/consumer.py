"""A control program as projects have it: built of the parts of dispatcherd.cli that are private by their names."""

import argparse
import inspect
import json
import sys

import yaml
from dispatcherd.cli import (
    CONTROL_ARG_SCHEMAS,
    DEFAULT_CONFIG_FILE,
    _base_cli_parent,
    _build_command_data_from_args,
    _control_common_parent,
    _register_control_arguments,
)
from dispatcherd.config import setup
from dispatcherd.factories import get_control_from_settings
from dispatcherd.service import control_tasks


def main():
    parser = argparse.ArgumentParser(prog="consumer")
    parser.add_argument("settings", type=json.loads)
    for parent in (_base_cli_parent(), _control_common_parent()):
        parser._add_container_actions(parent)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in control_tasks.__all__:
        text = inspect.getdoc(getattr(control_tasks, name, None)) or ""
        command = commands.add_parser(name, help=text.splitlines()[0], description=text,
                                      parents=[_base_cli_parent(), _control_common_parent()])
        _register_control_arguments(command, CONTROL_ARG_SCHEMAS.get(name))
    args = parser.parse_args()
    assert args.config.endswith(DEFAULT_CONFIG_FILE)
    setup(args.settings)
    data = _build_command_data_from_args(argparse.Namespace(**vars(args)), args.command)
    replies = get_control_from_settings().control_with_reply(args.command, data=data, expected_replies=args.expected_replies)
    print(yaml.dump(replies, default_flow_style=False))
    if len(replies) < args.expected_replies:
        sys.exit("too few")


main()
