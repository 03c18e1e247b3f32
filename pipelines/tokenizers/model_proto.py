"""The fields of a serialised SentencePiece model that decide its ids.

The module of these messages that comes with sentencepiece works with few versions of protobuf, and
its newest versions with none that Beam takes.
"""

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "text": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "float": _FIELD.TYPE_FLOAT,
    "int": _FIELD.TYPE_INT32,
    "bool": _FIELD.TYPE_BOOL,
}
# Name, number, type, default. Source: sentencepiece_model.proto of google/sentencepiece.
_MESSAGES: dict[str, list[tuple[str, int, str, str]]] = {
    "TrainerSpec": [
        ("model_type", 3, "int", "1"),
        ("treat_whitespace_as_suffix", 24, "bool", "false"),
        ("byte_fallback", 35, "bool", "false"),
    ],
    "NormalizerSpec": [
        ("precompiled_charsmap", 2, "bytes", ""),
        ("add_dummy_prefix", 3, "bool", "true"),
        ("remove_extra_whitespaces", 4, "bool", "true"),
        ("escape_whitespaces", 5, "bool", "true"),
    ],
    "Piece": [("piece", 1, "text", ""), ("score", 2, "float", "0"), ("type", 3, "int", "1")],
    "Model": [],
}
# Name, number, message, whether there are several.
_PARTS = [
    ("pieces", 1, "Piece", True),
    ("trainer_spec", 2, "TrainerSpec", False),
    ("normalizer_spec", 3, "NormalizerSpec", False),
]


def parse_model(content: bytes) -> Any:
    """Returns a message with `pieces`, `trainer_spec` and `normalizer_spec`.

    Raises:
      google.protobuf.message.DecodeError: if the bytes are none.
    """
    return model_class().FromString(content)


@functools.cache
def model_class() -> Any:
    """Returns the class of the messages that `parse_model` returns."""
    file = descriptor_pb2.FileDescriptorProto(
        name="shardmill/sentencepiece.proto", package="shardmill.sentencepiece", syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, default in fields:
            message.field.add(
                name=field,
                number=number,
                type=_TYPES[kind],
                label=_FIELD.LABEL_OPTIONAL,
                default_value=default,
            )
    for field, number, name, repeated in _PARTS:
        file.message_type[-1].field.add(
            name=field,
            number=number,
            type=_FIELD.TYPE_MESSAGE,
            type_name=f".{file.package}.{name}",
            label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"{file.package}.Model")
    return message_factory.GetMessageClass(found)
