#include "decoder/beside.hpp"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace j2kl::picture {

namespace {

const char here = 0; // an address in the library

} // namespace

std::string library_folder()
{
    std::string path;
#ifdef _WIN32
    HMODULE module = nullptr;
    char name[MAX_PATH];
    if (GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                               GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                           &here, &module) != 0 &&
        GetModuleFileNameA(module, name, MAX_PATH) > 0) {
        path = name;
    }
#else
    Dl_info info{};
    if (dladdr(&here, &info) != 0 && info.dli_fname != nullptr) {
        path = info.dli_fname;
    }
#endif
    const std::size_t end = path.find_last_of("/\\");
    return end == std::string::npos ? "" : path.substr(0, end);
}

} // namespace j2kl::picture
