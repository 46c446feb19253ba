"""How large the files of a state may be. The encoder's file and the mask's have one size each, known beforehand.

A method's own state cannot be known beforehand, so it is bounded: for each state, and for all states of a job together.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE, REPORT_FILE

SIZE_LIMITS: Mapping[str, int] = {
    ENCODER_FILE: 2 << 30,
    MASK_FILE: 1 << 30,
    METHOD_FILE: 4 << 30,
    REPORT_FILE: 1 << 20,
}
"""What a state may consist of, and how large each file may be at most, in bytes, whatever its encoder."""

_MIB = 1 << 20


class StateSizes(BaseModel):
    """The sizes of a job's states, in bytes.

    Attributes:
        encoder: of every encoder file, exactly.
        mask: of every mask file, exactly.
        num_states: how many states the job may hand over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    encoder: int
    mask: int
    num_states: int

    @property
    def exact(self) -> dict[str, int]:
        """The files whose size is known exactly."""
        return {ENCODER_FILE: self.encoder, MASK_FILE: self.mask}

    @property
    def method_limit(self) -> int:
        """Largest size of one method's state.

        Adam and a momentum teacher take three times the encoder, a queue of 65,536 keys 32 MiB, a large projection head
        with its teacher and optimizer 160 MiB beside a ResNet-18 of 43 MiB.
        """
        return max(64 * _MIB, 8 * self.encoder) + 64 * _MIB

    @property
    def methods_limit(self) -> int:
        """Largest size of all method states of the job together."""
        return max(2048 * _MIB, 8 * self.encoder * self.num_states) + self.method_limit
