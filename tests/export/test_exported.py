"""The form a network is exported in computes what the network does: each rewrite, and each family as a whole."""

from __future__ import annotations

import numpy as np
import pytest
import small_models
import torch
from pictures import painting, photo
from torch import Tensor

from adain import images
from adain.export.exported import exportable
from adain.export.graph_operators import GraphOperators, PortableOperators
from adain.export.layers import Form
from adain.nn import build
from adain.nn.network import StyleTransfer
from adain.nn.operators import Operators

FLOAT32 = 1e-4  # of [0, 1]; float32 sums in another order, and matrix roots, leave 3e-5
FLOAT16 = 0.05  # of [0, 1]; ten bits of mantissa through a dozen layers
FORMS = {
    "plain": Form(),
    "compact": Form(phases=False),
    "winograd": Form(winograd=1),
    "portable": Form(operators=PortableOperators()),
    "float16": Form(dtype=torch.float16),
}


def picture(width: int, height: int, *, seed: int | None = None) -> Tensor:
    rgb = photo(width, height) if seed is None else painting(width, height, seed)
    return torch.from_numpy(images.to_tensor(rgb))


@pytest.fixture(scope="module", params=list(small_models.ARCHITECTURES))
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> StyleTransfer:
    model = small_models.make(request.param, tmp_path_factory.mktemp("small"))
    return build.load(model.row, model.files, GraphOperators())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_family_computes_the_same_in_every_form(network: StyleTransfer, form: Form) -> None:
    exported = exportable(network, form)
    contents = [(64, 48), (48, 80)] if form.operators.portable else [(64, 48), (37, 51), (16, 80), (5, 3), (1, 1)]
    tolerance = FLOAT16 if form.dtype == torch.float16 else FLOAT32
    style = torch.cat([picture(56, 48, seed=1), picture(56, 48, seed=2)])
    alpha = torch.tensor([[0.3], [1.0]])
    with torch.inference_mode():
        code, same = network.encode_style(style), exported.encode_style(style)
        assert same.keys() == network.code_shapes.keys()
        for name, array in code.items():
            assert torch.allclose(array, same[name], rtol=tolerance, atol=tolerance * float(array.abs().max())), name
        for width, height in contents:
            content = torch.cat([picture(width, height)] * 2)
            expected, actual = network(content, code, alpha), exported(content, code, alpha)
            assert actual.shape == content.shape
            assert float((expected - actual).abs().max()) < tolerance


def test_a_style_of_any_size_has_the_same_code(network: StyleTransfer) -> None:
    exported = exportable(network, Form())
    with torch.inference_mode():
        for width, height in ((33, 50), (7, 9), (1, 1)):
            code, same = (model.encode_style(picture(width, height, seed=3)) for model in (network, exported))
            for name, array in code.items():
                torch.testing.assert_close(same[name], array, rtol=1e-4, atol=1e-4)


def test_the_network_itself_is_left_as_it_was(network: StyleTransfer) -> None:
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    exportable(network, FORMS["float16"])
    for name, parameter in network.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, before[name])


@pytest.mark.parametrize("operators", [GraphOperators(), PortableOperators()], ids=["plain", "portable"])
def test_operators_compute_what_torchs_do(operators: GraphOperators) -> None:
    torchs = Operators()
    x = torch.from_numpy(np.random.default_rng(0).gamma(2, 3, (2, 5, 6, 4)).astype(np.float32))
    masks, values = torch.rand(2, 3, 6, 4), torch.rand(2, 3, 7)
    matrix, matrices = torch.rand(2, 5, 5), torch.rand(2, 3, 5, 5)
    for name, arguments in {
        "mean_std": (x,),
        "mean_covariance": (x,),
        "variances": (x, masks),
        "covariances": (x, masks),
        "weigh": (masks, x),
        "weigh_products": (masks, x),
        "blend": (values, masks),
        "mix_channels": (matrix, x),
        "mix_regions": (matrices, x, masks),
        "at_least": (x, 2 * torch.rand(2, 5, 1, 1)),
    }.items():
        actual, expected = (getattr(each, name)(*arguments) for each in (operators, torchs))
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4, msg=name)
    one = torch.full((1, 2, 1, 1), 3.0)
    assert torch.isfinite(operators.mean_std(one)[1]).all()
    assert torch.isfinite(operators.mean_covariance(one)[1]).all()


def test_portable_padding_is_padding() -> None:
    x = torch.rand(1, 2, 4, 6)
    plain, portable = GraphOperators(), PortableOperators()
    for rim in (1, 3):
        assert torch.equal(portable.reflect(x, rim), plain.reflect(x, rim))
    torch.testing.assert_close(portable.repeat(x), plain.repeat(x))
