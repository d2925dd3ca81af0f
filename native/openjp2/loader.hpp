// Loads the engine.
#pragma once

#include "openjp2/engine.hpp"

namespace j2kl::openjp2 {

// The engine, which the first call loads. If it cannot be loaded, the program's callback for warnings is told
// at every call, and the result is null.
const Engine *engine(const Settings &settings);

} // namespace j2kl::openjp2
