// The only exception type of the library; c_api.cpp converts it to a code and a text.
#pragma once

#include "j2kl.h"

#include <stdexcept>
#include <string>

namespace j2kl {

class Failure : public std::runtime_error {
public:
    Failure(int code, const std::string &text) : std::runtime_error(text), code_(code) {}
    int code() const noexcept { return code_; }

private:
    int code_;
};

inline void require(bool condition, const char *text)
{
    if (!condition) {
        throw Failure(J2KL_ERROR_ARGUMENT, text);
    }
}

} // namespace j2kl
