"""Reading what strangers sent in a child process under limits."""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

from datasets.errors import BadImage, JailFailure, LimitReached
from datasets.image import MIN_BITS, Image, Levels
from datasets.jail_frames import Header
from datasets.jail_process import Child, JailLimits
from datasets.jailed import ERROR_MODULES, TARGET_PREFIXES
from datasets.limits import Limits

__all__ = ["JailLimits", "decode_jailed", "decode_many_jailed", "run_jailed"]

DECODING = JailLimits(memory_bytes=2 << 30, cpu_s=20, wall_s=30.0)
"""Decoding the largest image that `Limits` allows takes some seconds and less than 1 GiB."""


def decode_jailed(data: bytes, *, name: str = "", limits: Limits | None = None, jail: JailLimits = DECODING) -> Image:
    """What `datasets.decoding.decode` gives, computed in a child process.

    Raises:
        BadImage: as `decode`; also when the file makes the decoder run out of memory or time, or crash.
        JailFailure: no child process can be started on this machine.
    """
    with Child(jail) as child:
        try:
            return _decode(child, data, name, limits or Limits())
        except JailFailure as error:
            raise _blame(name, error) from error


def decode_many_jailed(
    items: Iterable[tuple[str, bytes]], *, limits: Limits | None = None, jail: JailLimits = DECODING
) -> Iterator[tuple[str, Image | BadImage]]:
    """Decode many files in one child, in order; a refusal is given and not raised.

    A file that crashes the child or holds it up is refused, and the next ones go to a new child. While the caller works
    on one image, the next is decoded.

    Raises:
        JailFailure: no child process can be started on this machine.
    """
    allowed = limits or Limits()
    rest = iter(items)
    pending = next(rest, None)
    while pending is not None:
        with Child(jail) as child:
            alive = True
            sent = _send(child, pending, allowed)
            while alive and pending is not None:
                name = pending[0]
                outcome, alive = _outcome(child, name, sent)
                pending = next(rest, None)
                if alive and pending is not None:
                    sent = _send(child, pending, allowed)
                yield name, outcome


def run_jailed(
    target: str, args: Mapping[str, object], *, workdir: Path | None = None, limits: JailLimits | None = None
) -> object:
    """Call a function in a child process and give its result.

    Args:
        target: "module:function" below one of the allowed packages.
        args: its keyword arguments, made of JSON's types; large things are passed as files.
        workdir: where the child works and leaves files; a folder that vanishes where absent.
        limits: what the call may use up.

    Returns:
        What the function gave, as it comes back from JSON.

    Raises:
        DatasetError: or an error of `pipeline.errors`, as the function raised it.
        LimitReached: it ran out of memory or time.
        JailFailure: it crashed, raised something else, or may not be run.
    """
    if not target.startswith(TARGET_PREFIXES):
        raise JailFailure(f"{target}: not among the modules that a jail may run ({', '.join(TARGET_PREFIXES)})")
    with Child(limits or JailLimits(), workdir=workdir) as child:
        child.ask({"do": "run", "target": target, "args": dict(args)})
        header, _ = child.receive()
        _raise_refusal(header)
        return header.get("result")


def _decode(child: Child, data: bytes, name: str, limits: Limits) -> Image:
    _ask_to_decode(child, data, name, limits)
    return _image(child)


def _ask_to_decode(child: Child, data: bytes, name: str, limits: Limits) -> None:
    if len(data) > limits.max_bytes:
        raise BadImage(
            f"{name}: the file has {len(data):,} bytes, at most {limits.max_bytes:,} are accepted; send a smaller image"
        )
    child.ask({"do": "decode", "name": name, "limits": limits.to_json()}, data)


def _send(child: Child, item: tuple[str, bytes], limits: Limits) -> BadImage | JailFailure | None:
    name, data = item
    try:
        _ask_to_decode(child, data, name, limits)
    except (BadImage, JailFailure) as error:
        return error
    return None


def _outcome(child: Child, name: str, sent: BadImage | JailFailure | None) -> tuple[Image | BadImage, bool]:
    """The image or why there is none, and whether the child can go on."""
    if isinstance(sent, BadImage):
        return sent, True
    try:
        if sent is not None:
            raise sent
        return _image(child), True
    except BadImage as error:
        return error, True
    except JailFailure as error:
        return _blame(name, error), False


def _image(child: Child) -> Image:
    header, payload = child.receive()
    _raise_refusal(header)
    bits, shape, file_type = header.get("bits"), header.get("shape"), header.get("file_type")
    if not isinstance(bits, int) or not isinstance(shape, list) or not isinstance(file_type, str):
        raise JailFailure("the reading process answered nonsense")
    try:
        flat: Levels = np.frombuffer(payload, np.uint8) if bits == MIN_BITS else np.frombuffer(payload, np.uint16)
        levels = flat.reshape([int(side) for side in shape])
    except (TypeError, ValueError) as error:
        raise JailFailure("the reading process answered nonsense") from error
    return Image(levels=levels, bits=bits, file_type=file_type)


def _raise_refusal(header: Header) -> None:
    """Raise the error that the child met, as the class of that name in one of our two modules of errors."""
    told = header.get("error")
    if not isinstance(told, dict):
        return
    module, name, message = (str(told.get(key, "")) for key in ("module", "name", "message"))
    error = getattr(import_module(module), name, None) if module in ERROR_MODULES else None
    if isinstance(error, type) and issubclass(error, ValueError):
        raise error(message)
    raise JailFailure(message)


def _blame(name: str, error: JailFailure) -> BadImage:
    """A child's death told to the person who sent the file."""
    way_out = "send a smaller image" if isinstance(error, LimitReached) else "export it again as PNG"
    told = f"decoding {error}" if isinstance(error, LimitReached) else f"decoding failed: {error}"
    return BadImage(f"{name}: {told}; {way_out}" if name else f"{told}; {way_out}")
