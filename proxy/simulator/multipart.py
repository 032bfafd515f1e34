"""multipart/form-data, whole in memory: the simulator bounds its bodies. RFC 7578."""

from __future__ import annotations

import re

import msgspec

from proxy.errors import GatewayError

BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
NAME = re.compile(rb'[ ;]name="([^"]*)"', re.IGNORECASE)
FILENAME = re.compile(rb'[ ;]filename="([^"]*)"', re.IGNORECASE)


class FilePart(msgspec.Struct, frozen=True):
    field: str
    filename: str
    data: bytes


class Form(msgspec.Struct, frozen=True):
    values: dict[str, str]
    """The text fields; of a repeated field, the last."""
    files: list[FilePart]

    def file(self, field: str) -> FilePart:
        """The first file sent as `field` or `field[]`; raises a 400 when there is none."""
        for part in self.files:
            if part.field.removesuffix("[]") == field:
                return part
        message = f"Missing required parameter: '{field}'."
        raise GatewayError(400, message, param=field, code="missing_required_parameter")


def parse_form(content_type: str, body: bytes) -> Form:
    boundary = BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or boundary is None:
        raise GatewayError(400, "Invalid Content-Type header: expected multipart/form-data with a boundary.")
    form = Form({}, [])
    delimiter = b"\r\n--" + boundary[1].encode()
    for part in (b"\r\n" + body).split(delimiter)[1:]:
        if part.startswith(b"--"):
            return form
        _add_part(form, part)
    raise GatewayError(400, "Could not parse multipart form: its closing boundary is missing.")


def _add_part(form: Form, part: bytes) -> None:
    head, _, data = part.partition(b"\r\n\r\n")
    name, filename = NAME.search(head), FILENAME.search(head)
    if name is None:
        raise GatewayError(400, "Could not parse multipart form: a part has no name.")
    field = name[1].decode(errors="replace")
    if filename is None:
        form.values[field] = data.decode(errors="replace")
        return
    form.files.append(FilePart(field, filename[1].decode(errors="replace"), data))
