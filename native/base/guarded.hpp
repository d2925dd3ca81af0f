// Functions of the C interface run their body inside these: exceptions become a code and a text in the
// report.
#pragma once

#include "base/failure.hpp"
#include "base/report.hpp"

#include <memory>
#include <new>
#include <stdexcept>

namespace j2kl {

template <class Body> int guarded(Reporter *reporter, const Body &body) noexcept
{
    int code = J2KL_OK;
    const char *text = "";
    try {
        try {
            body();
            return J2KL_OK;
        } catch (const Failure &failure) {
            code = failure.code();
            text = failure.what();
            if (reporter != nullptr) {
                reporter->error(text); // here, as the exception owns the text
            }
            return code;
        }
    } catch (const std::bad_alloc &) {
        code = J2KL_ERROR_MEMORY;
        text = "memory ran out";
    } catch (const std::length_error &) { // a vector of more than max_size() elements
        code = J2KL_ERROR_MEMORY;
        text = "memory ran out";
    } catch (...) {
        code = J2KL_ERROR_OPENJPEG;
        text = "an unexpected error occurred";
    }
    if (reporter != nullptr) {
        try {
            reporter->error(text);
        } catch (...) { // the mutex cannot be locked: only the code is returned
        }
    }
    return code;
}

// For a function whose report is an argument of its own; it may be null.
template <class Body> int reported(j2kl_report *report, const Body &body) noexcept
{
    if (report != nullptr) {
        *report = j2kl_report{};
    }
    Reporter reporter(report);
    return guarded(&reporter, body);
}

template <class Handle, class Body> int on(Handle *handle, const Body &body) noexcept
{
    if (handle == nullptr) {
        return J2KL_ERROR_ARGUMENT;
    }
    handle->reporter().forget_errors();
    return guarded(&handle->reporter(), body);
}

template <class Handle, class... Arguments>
int create(Handle **handle, j2kl_report *report, const Arguments &...arguments) noexcept
{
    *handle = nullptr;
    if (report != nullptr) {
        *report = j2kl_report{};
    }
    Reporter reporter(report);
    return guarded(&reporter, [&] { *handle = std::make_unique<Handle>(arguments..., report).release(); });
}

} // namespace j2kl
