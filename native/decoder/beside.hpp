// The folder that the library itself lies in.
#pragma once

#include <string>

namespace j2kl::picture {

// Empty if the system does not tell.
std::string library_folder();

} // namespace j2kl::picture
