// Where this library lies.
#pragma once

namespace j2kl::openjp2 {

// The absolute path of this library, found when it was loaded; empty if it is not known.
const char *own_path();

} // namespace j2kl::openjp2
