#include "openjp2/real.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <link.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <vector>

namespace j2kl::openjp2 {

namespace {

bool same_file(const std::string &a, const std::string &b)
{
    struct stat first = {}, second = {};
    return stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

std::string own_path()
{
    static const char here = 0; // an address in this library
    Dl_info info{};
    return dladdr(&here, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

// Appends the paths of loaded libraries that are named like OpenJPEG, bundled copies included.
int collect(dl_phdr_info *info, std::size_t, void *paths)
{
    const char *name = std::strrchr(info->dlpi_name, '/');
    if (name != nullptr && std::strncmp(name + 1, "libopenjp2", 10) == 0) {
        static_cast<std::vector<std::string> *>(paths)->emplace_back(info->dlpi_name);
    }
    return 0;
}

// Appends the copy of OpenJPEG that a wheel of j2klearn brings, site-packages/j2klearn.libs/libopenjp2-HASH.so.VERSION,
// if this library is site-packages/j2klearn/native/openjp2/FILE.
void collect_bundled(const std::filesystem::path &own, std::vector<std::string> &paths)
{
    const auto native = own.parent_path().parent_path();
    if (native.filename() != "native" || native.parent_path().filename() != "j2klearn") {
        return;
    }
    const auto folder = native.parent_path().parent_path() / "j2klearn.libs";
    std::error_code failed; // as where there is no such folder
    for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
        if (at->path().filename().string().rfind("libopenjp2-", 0) == 0) {
            paths.push_back(at->path().string());
        }
    }
}

// Whether a library is another copy of this one: it has the function that only this one exports.
bool is_ours(void *library)
{
    return dlsym(library, "opj_j2klearn_version") != nullptr;
}

void *open_library()
{
    std::vector<std::string> paths;
    if (const char *named = std::getenv("J2KLEARN_OPENJP2"); named != nullptr && *named != '\0') {
        paths.emplace_back(named);
    }
    dl_iterate_phdr(collect, &paths);
    for (const char *path : {J2KL_SYSTEM_OPENJP2, "/usr/lib/x86_64-linux-gnu/libopenjp2.so.7",
                             "/usr/lib/aarch64-linux-gnu/libopenjp2.so.7", "/usr/lib64/libopenjp2.so.7",
                             "/usr/lib/libopenjp2.so.7", "/usr/local/lib/libopenjp2.so.7"}) {
        paths.emplace_back(path);
    }
    const std::string own = own_path();
    collect_bundled(own, paths); // the last choice: a program's own copy and the system's come first
    for (const std::string &path : paths) {
        if (path.empty() || same_file(path, own)) {
            continue;
        }
        void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library != nullptr && dlsym(library, "opj_version") != nullptr && !is_ours(library)) {
            return library;
        }
        if (library != nullptr) {
            dlclose(library);
        }
    }
    std::fputs("j2klearn: no OpenJPEG 2.5 was found; set J2KLEARN_OPENJP2 to the path of libopenjp2.so.7\n",
               stderr);
    return nullptr;
}

Real load()
{
    Real functions;
    void *library = open_library(); // never closed: its code may run until the process ends
    if (library != nullptr) {
#define J2KL_LOAD(name) functions.name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name));
        J2KL_OPENJPEG_FUNCTIONS(J2KL_LOAD)
#undef J2KL_LOAD
    }
    return functions;
}

} // namespace

const Real &real()
{
    static const Real functions = load();
    return functions;
}

} // namespace j2kl::openjp2
