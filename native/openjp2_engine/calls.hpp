// Where the engine finds OpenJPEG.
#pragma once

#include "openjp2/engine.hpp"

namespace j2kl::openjp2 {

// Sets the function that finds those of OpenJPEG. It has to be called before anything is decoded.
void set_symbol(Symbol symbol);

} // namespace j2kl::openjp2
