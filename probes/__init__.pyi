from .linear import LogisticProbe as LogisticProbe
from .mass_mean import MassMeanProbe as MassMeanProbe
from .mlp.mlp import MLPProbe as MLPProbe
from .ridge import RidgeProbe as RidgeProbe
from .solver import GridSolver as GridSolver
from .tasks import Task as Task
