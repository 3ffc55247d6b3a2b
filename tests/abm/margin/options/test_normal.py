import mpmath
import numpy as np
import pytest

from abm.margin.options.normal import (
    cdf,
    cdf_python,
    erfcx,
    erfcx_python,
    mills,
    mills_python,
    pdf,
    pdf_python,
)

POINTS = np.concatenate((np.linspace(0.0, 8.0, 401), np.logspace(1.0, 10.0, 40)))


def test_erfcx_is_that_of_high_precision() -> None:
    with mpmath.workdps(50):
        for x in POINTS[POINTS < 1e4]:
            exact = float(mpmath.exp(mpmath.mpf(x) ** 2) * mpmath.erfc(mpmath.mpf(x)))
            assert erfcx(x) == pytest.approx(exact, rel=2e-15, abs=0)


def test_erfcx_goes_over_into_its_asymptote() -> None:
    for x in (1e7, 9.9e7, 1.1e8, 1e12, 1e300):
        assert erfcx(x) == pytest.approx(1 / (x * np.sqrt(np.pi)), rel=1e-13)


def test_mills_is_the_ratio_of_distribution_and_density() -> None:
    for z in np.linspace(-8.0, 0.0, 100):
        assert mills(z) == pytest.approx(cdf(z) / pdf(z), rel=3e-14)


def test_distribution_has_its_known_quantiles() -> None:
    assert cdf(0.0) == 0.5
    assert cdf(-1.959963984540054) == pytest.approx(0.025, rel=1e-14)
    assert cdf(1.2815515655446004) == pytest.approx(0.9, rel=1e-14)


@pytest.mark.parametrize(
    ("kernel", "plain"), [(erfcx, erfcx_python), (mills, mills_python), (cdf, cdf_python), (pdf, pdf_python)]
)
def test_compiled_equals_plain(kernel, plain) -> None:
    for x in POINTS[::7]:
        z = -x if kernel in (mills, cdf) else x
        assert kernel(z) == pytest.approx(plain(z), rel=1e-15, abs=0)
