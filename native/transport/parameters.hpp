// Validates encoding parameters before they are passed to OpenJPEG.
#pragma once

#include "j2kl.h"

namespace j2kl {

// Throws Failure with one sentence that names the fault.
void check(const j2kl_parameters &parameters);

} // namespace j2kl
