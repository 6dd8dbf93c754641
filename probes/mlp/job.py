"""What is trained: the shape of a network, its task, and the rows that say when to stop."""

from dataclasses import dataclass

from unsinter.probes.arrays import BoolArray
from unsinter.probes.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPSettings:
    """Shape and training of a network.

    Attributes
    ----------
    width, depth : units per hidden layer; hidden layers, 1 or more.
    dropout : share of hidden units dropped in training, 0 to below 1.
    weight_decay : decoupled decay (AdamW; Loshchilov and Hutter 2019, arXiv:1711.05101) of the weights.
    max_epochs, batch_size : most passes over the training rows; rows of one step.
    patience : epochs without a lower validation loss before a network stops.
    n_components : leading principal components of the training rows that the network sees; None: all columns.
    validation_fraction : share of each class's groups that only decides when to stop; above 0, below 1.

    Raises
    ------
    ValueError : a setting out of range.
    """

    width: int = 64
    depth: int = 1
    dropout: float = 0.0
    weight_decay: float = 0.1
    learning_rate: float = 2e-2
    max_epochs: int = 40
    patience: int = 4
    batch_size: int = 256
    n_components: int | None = 64
    validation_fraction: float = 0.1

    def __post_init__(self) -> None:
        counts = (
            self.width,
            self.depth,
            self.max_epochs,
            self.patience,
            self.batch_size,
            self.n_components or 1,
        )
        if min(counts) < 1 or self.n_components == 0:
            raise ValueError(
                "width, depth, max_epochs, patience, batch_size, n_components must be at least 1, "
                f"got {(*counts[:-1], self.n_components)}."
            )
        if not (0 <= self.dropout < 1 and self.weight_decay >= 0 and self.learning_rate > 0):
            raise ValueError(
                "dropout must be 0 to below 1, weight_decay at least 0 and learning_rate above 0, "
                f"got {self.dropout}, {self.weight_decay}, {self.learning_rate}."
            )
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One network to train.

    Attributes
    ----------
    validation : (n_examples,) training rows that only decide when to stop; rows outside the task's
        training rows have no say. Without any, the loss of the training rows decides.
    layer : index into X (n_layers, n_examples, d_model); 0 where X is one layer.
    """

    task: Task
    validation: BoolArray
    seed: int = 0
    layer: int = 0
