"""Signatures: what a model takes and gives; told from examples, enforced when it scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millrace.core.errors import InvalidArgument
from millrace.models import enforcement
from millrace.models.inference import params_of, schema_of, schema_of_hint
from millrace.models.types import ParamSchema, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ModelSignature", "infer_signature", "signature_of_function"]


class ModelSignature:
    """Schemas of inputs, outputs and params; each may be unknown."""

    def __init__(
        self,
        inputs: Schema | None = None,
        outputs: Schema | None = None,
        params: ParamSchema | None = None,
    ) -> None:
        if inputs is None and outputs is None and params is None:
            raise InvalidArgument("A signature says something of inputs, outputs or params.")
        for name, said, kind in (
            ("inputs", inputs, Schema),
            ("outputs", outputs, Schema),
            ("params", params, ParamSchema),
        ):
            if said is not None and not isinstance(said, kind):
                raise InvalidArgument(
                    f"{name} of a signature: expected a {kind.__name__}, got "
                    f"{type(said).__name__}. To tell it from data, use infer_signature."
                )
        self.inputs = inputs
        self.outputs = outputs
        self.params = params
        self.is_from_type_hint = False
        """Whether it is about the items of a list, which the model gets as such."""

    def enforce(self, data: Any) -> Any:
        """*data* in the form that the inputs ask for; see `models.enforcement`."""
        if self.inputs is None:
            return data
        return enforcement.enforce(data, self.inputs, by_row=self.is_from_type_hint)

    def enforce_params(self, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """*params* with defaults, checked; none when the signature declares none."""
        return {} if self.params is None else enforcement.enforce_params(params, self.params)

    def to_dict(self) -> dict[str, str | None]:
        """As it stands in `MLmodel`: each part as JSON text, or None."""
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": self.params.to_json() if self.params else None,
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> ModelSignature:
        """The signature that `to_dict` wrote; `InvalidArgument` for anything else."""
        inputs, outputs, params = (said.get(part) for part in ("inputs", "outputs", "params"))
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelSignature) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.to_dict().values()))

    def __repr__(self) -> str:
        parts = (("inputs", self.inputs), ("outputs", self.outputs), ("params", self.params))
        return "\n".join(f"{name}: {said}" for name, said in parts)


def infer_signature(
    model_input: Any = None,
    model_output: Any = None,
    params: Mapping[str, Any] | None = None,
) -> ModelSignature:
    """The signature of a model that makes *model_output* of *model_input* with *params*."""
    return ModelSignature(
        None if model_input is None else schema_of(model_input),
        None if model_output is None else schema_of(model_output),
        params_of(params) if params else None,
    )


def signature_of_function(hints: Mapping[str, Any], parameter: str) -> ModelSignature | None:
    """The signature that type hints give to a function of *parameter*; None when they give none."""
    try:
        inputs = schema_of_hint(hints.get(parameter))
    except InvalidArgument:
        return None
    try:
        outputs = schema_of_hint(hints.get("return"))
    except InvalidArgument:
        outputs = None
    signature = ModelSignature(inputs, outputs)
    signature.is_from_type_hint = True
    return signature
