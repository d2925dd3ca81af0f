// The checks that every parameter set passes before OpenJPEG sees it.
#pragma once

#include "j2kl.h"

namespace j2kl {

// Throws Failure with one sentence on what is wrong.
void check(const j2kl_parameters &parameters);

} // namespace j2kl
