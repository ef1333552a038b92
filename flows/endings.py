"""How a command ends: errors made on purpose, a full disk and being stopped are one line and an exit code."""

import errno
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from pipeline.interrupts import interruptible
from schemas.errors import CurationError, InputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STOPPED = 130


def end_with(command: Callable[[], Any]) -> NoReturn:
    """Carry a command out and leave the process; an error that nobody made on purpose keeps its trace."""
    try:
        with interruptible():  # so that locks are released and temporary folders go
            sys.exit(command() or 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("coldstart: stopped; a run keeps what was finished, and the same command goes on", err=True)
        sys.exit(STOPPED)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        see = f"; see `{context.command_path} -h`" if context else ""
        click.echo(f"coldstart: {error.format_message().rstrip('.')}{see}", err=True)
        sys.exit(InputError.exit_code)
    except CurationError as error:
        from pipeline.hostile import clean

        click.echo(f"coldstart: {clean(str(error))}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"coldstart: {where}{error.strerror}; free some space: the same command then goes on", err=True)
        sys.exit(CurationError.exit_code)
