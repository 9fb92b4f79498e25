from __future__ import annotations

import pytest
import xarray as xr

from xgrad.labels.attributes import described, label_of, refuse_packed


def variable(**attrs: object) -> xr.Variable:
    return xr.Variable("x", [0.0, 1.0], attrs)


@pytest.mark.parametrize(
    "attribute",
    [
        "standard_name", "valid_range", "_FillValue", "cell_methods", "GRIB_units", "GRIB_paramId",
        "STASH", "um_stash_source", "code", "table", "param", "paramId", "variable_id",
        "original_name", "units_metadata", "actual_max", "actual_min", "actual_range", "nodata",
        "nodatavals", "description", "formula_terms", "STATISTICS_MEAN",
    ],
)  # fmt: skip
def test_what_describes_the_values_is_dropped(attribute: str) -> None:
    found = described(variable(**{attribute: 1, "source": "a ship"}), "slope", None)
    assert found == {"source": "a ship", "long_name": "slope"}


@pytest.mark.parametrize(
    "attribute", ["source", "history", "grid_mapping", "cell_measures", "mesh", "comment"]
)
def test_what_does_not_describe_the_values_is_kept(attribute: str) -> None:
    given = variable(**{attribute: "as it was"})
    assert described(given, "slope", "K m-1") == {
        attribute: "as it was", "units": "K m-1", "long_name": "slope",
    }  # fmt: skip
    assert given.attrs == {attribute: "as it was"}


def test_units_and_name_are_those_of_the_result_alone() -> None:
    given = variable(units="K", long_name="temperature")
    assert described(given, "slope", "K m-1") == {"units": "K m-1", "long_name": "slope"}
    assert described(given, "slope", None) == {"long_name": "slope"}


def test_the_long_name_is_the_label_and_then_the_name() -> None:
    assert label_of("t", variable(long_name="air temperature")) == "air temperature"
    assert label_of("t", variable(long_name="")) == "t"
    assert label_of(None, variable()) == "data"
    assert label_of(("a", 1), variable()) == "('a', 1)"


def test_packing_that_changes_no_number_is_none() -> None:
    refuse_packed("variable 't'", {"scale_factor": 1, "add_offset": 0.0, "units": "K"})
    refuse_packed("variable 't'", {"scale_factor": 2.0})  # counts, which claim no units
    for key, value in (("scale_factor", 2), ("add_offset", -1.5)):
        with pytest.raises(
            ValueError, match=f"variable 't' has packed numbers, with {key} {value}"
        ):
            refuse_packed("variable 't'", {key: value, "units": "K"})
