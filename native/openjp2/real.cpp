#include "openjp2/real.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <link.h>
#include <string>
#include <sys/stat.h>
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
// if `own`, this library, is site-packages/j2klearn/native/openjp2/FILE.
void collect_bundled(const std::string &own, std::vector<std::string> &paths)
{
    const std::size_t package = own.rfind("/j2klearn/native/openjp2/");
    if (package == std::string::npos) {
        return;
    }
    const std::string folder = own.substr(0, package) + "/j2klearn.libs/";
    DIR *listing = opendir(folder.c_str());
    if (listing == nullptr) {
        return;
    }
    while (const dirent *entry = readdir(listing)) {
        if (std::strncmp(entry->d_name, "libopenjp2-", 11) == 0) {
            paths.push_back(folder + entry->d_name);
        }
    }
    closedir(listing);
}

// Whether a library is another copy of this one: it has the function that only this one exports.
bool is_ours(void *library)
{
    return dlsym(library, "opj_j2klearn_version") != nullptr;
}

// The library at a path; null if it cannot be loaded, or is none of OpenJPEG's.
void *open_at(const std::string &path)
{
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr || (dlsym(library, "opj_version") != nullptr && !is_ours(library))) {
        return library;
    }
    dlclose(library);
    return nullptr;
}

void *open_library()
{
    if (const char *named = std::getenv("J2KLEARN_OPENJP2"); named != nullptr && *named != '\0') {
        void *library = open_at(named);
        if (library == nullptr) {
            std::fprintf(stderr, "j2klearn: J2KLEARN_OPENJP2 names %s, which is no library of OpenJPEG\n", named);
        }
        return library;
    }
    std::vector<std::string> paths;
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
        if (void *library = open_at(path); library != nullptr) {
            return library;
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
