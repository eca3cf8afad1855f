"""Tests of the threads of linear algebra."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sunpy_restore import backproj_to_clean, desaturate, inpaint
from sunpy_restore.core.system.threads import in_one_blas_thread


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("The library of linear algebra has one thread")
        yield


@pytest.mark.usefixtures("two_threads")
def test_one_thread_inside_and_those_of_the_user_afterwards():
    nested = in_one_blas_thread(lambda: in_one_blas_thread(blas_threads)() | blas_threads())
    assert nested() == {1}
    assert blas_threads() == {2}
    with pytest.raises(ZeroDivisionError):
        in_one_blas_thread(lambda: 1 / 0)()
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_the_thread_that_is_first_sets_and_restores_the_number():
    inside, leave = Event(), Event()

    @in_one_blas_thread
    def first():
        inside.set()
        assert leave.wait(10)

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(first)
        assert inside.wait(10)
        for _ in range(3):
            assert pool.submit(in_one_blas_thread(lambda: 1)).result(10) == 1
        leave.set()
        running.result(10)
    assert blas_threads() == {2}


@pytest.mark.parametrize("function", [backproj_to_clean, desaturate, inpaint])
@pytest.mark.usefixtures("two_threads")
def test_functions_restore_the_number_after_an_error(function):
    with pytest.raises(TypeError):
        function(None)
    assert blas_threads() == {2}
