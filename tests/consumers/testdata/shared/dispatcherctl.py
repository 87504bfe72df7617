"""Stands in for the management command dispatcherctl, which three products build of private names of dispatcherd.cli."""

import argparse
import inspect

import django
import yaml
from dispatcherd.cli import (
    CONTROL_ARG_SCHEMAS,
    _base_cli_parent,
    _build_command_data_from_args,
    _control_common_parent,
    _register_control_arguments,
)
from dispatcherd.config import is_setup
from dispatcherd.factories import get_control_from_settings
from dispatcherd.service import control_tasks


def parser():
    parser = argparse.ArgumentParser(parents=[_base_cli_parent(), _control_common_parent()])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in control_tasks.__all__:
        text = inspect.getdoc(getattr(control_tasks, name)) or ""
        command = commands.add_parser(name, description=text, parents=[_base_cli_parent(), _control_common_parent()])
        _register_control_arguments(command, CONTROL_ARG_SCHEMAS.get(name))
    return parser


def main():
    django.setup()
    if not is_setup():
        raise SystemExit("the settings have not configured dispatcherd")
    args = parser().parse_args()
    data = _build_command_data_from_args(args, args.command)
    replies = get_control_from_settings().control_with_reply(
        args.command, data=data, expected_replies=args.expected_replies, timeout=30)
    print(yaml.dump(replies, default_flow_style=False), end="")


main()
