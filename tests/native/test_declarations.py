"""The declarations of the native library: parsed when it is built, and never those of another header."""

from __future__ import annotations

import importlib
import importlib.util
from types import SimpleNamespace

import cffi
import pytest

from j2klearn.native import declarations, library


@pytest.fixture(scope="module")
def header():
    return library._library_path().with_name(declarations.HEADER)


def test_the_module_has_the_declarations_of_the_header(tmp_path, header):
    target = tmp_path / "written.py"
    declarations.write(header, target)
    spec = importlib.util.spec_from_file_location("written", target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert declarations._digest(header.read_bytes()) == module.DIGEST
    native = module.ffi.dlopen(str(library._library_path()))
    assert native.j2kl_abi_version() == library._ABI_VERSION
    assert native.j2kl_sizeof_request() == module.ffi.sizeof("j2kl_request")


@pytest.mark.parametrize("stale", [SimpleNamespace(DIGEST="0" * 64), SimpleNamespace(), None])
def test_a_module_of_another_header_is_not_used(monkeypatch, header, stale):
    def found(*_):
        if stale is None:
            raise ImportError
        return stale

    monkeypatch.setattr(importlib, "import_module", found)
    ffi = declarations.read(header)
    assert isinstance(ffi, cffi.FFI)
    assert ffi.sizeof("j2kl_request") == library.load()[0].sizeof("j2kl_request")
