#include "openjp2/own_path.hpp"

#include <cstdlib>
#include <dlfcn.h>

namespace j2kl::openjp2 {

namespace {

const char *path = "";

// A relative path is of the folder in which the program starts, and it may go to another one.
__attribute__((constructor)) void find_path()
{
    Dl_info info{};
    if (dladdr(&path, &info) == 0 || info.dli_fname == nullptr) {
        return;
    }
    if (info.dli_fname[0] == '/') {
        path = info.dli_fname;
    } else if (const char *absolute = realpath(info.dli_fname, nullptr)) {
        path = absolute;
    }
}

} // namespace

const char *own_path()
{
    return path;
}

} // namespace j2kl::openjp2
