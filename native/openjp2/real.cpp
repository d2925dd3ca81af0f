#include "openjp2/real.hpp"

#include "openjp2/own_path.hpp"

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

namespace j2kl::openjp2 {

Known known_functions;

namespace {

pthread_once_t once = PTHREAD_ONCE_INIT;
void *library = nullptr; // never closed: its code may run until the process ends

// Whether a library is another copy of this one, or this one: it has the function that only ours export.
bool is_ours(void *handle)
{
    return dlsym(handle, "opj_j2klearn_version") != nullptr;
}

// Opens the library at a path; null if it cannot be loaded, or is none of OpenJPEG's. Its own calls are bound
// when they happen, as if the program had loaded it.
void *open_at(const char *path)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr || (dlsym(handle, "opj_version") != nullptr && !is_ours(handle))) {
        return handle;
    }
    dlclose(handle);
    return nullptr;
}

// Paths, one after the other, each with a zero at its end. Those that do not fit are left out.
class Paths {
public:
    void add(const char *path)
    {
        const std::size_t size = std::strlen(path) + 1;
        if (size > 1 && size <= sizeof text_ - size_) {
            std::memcpy(text_ + size_, path, size);
            size_ += size;
        }
    }
    // Opens the first one that is OpenJPEG's; null if none is.
    void *open() const
    {
        void *handle = nullptr;
        for (const char *path = text_; handle == nullptr && path < text_ + size_;
             path += std::strlen(path) + 1) {
            handle = open_at(path);
        }
        return handle;
    }

private:
    char text_[PATH_MAX];
    std::size_t size_ = 0;
};

// Adds a loaded library that is named like OpenJPEG, bundled copies included.
int add_loaded(dl_phdr_info *info, std::size_t, void *paths)
{
    const char *name = std::strrchr(info->dlpi_name, '/');
    if (name != nullptr && std::strncmp(name + 1, "libopenjp2", 10) == 0) {
        static_cast<Paths *>(paths)->add(info->dlpi_name);
    }
    return 0;
}

// Opens the copy of OpenJPEG that a wheel of j2klearn brings,
// site-packages/j2klearn.libs/libopenjp2-HASH.so.VERSION, if this library is
// site-packages/j2klearn/native/openjp2/FILE.
void *open_bundled()
{
    const char *own = own_path(), *package = std::strstr(own, "/j2klearn/native/openjp2/");
    if (package == nullptr) {
        return nullptr;
    }
    char folder[PATH_MAX], path[PATH_MAX];
    std::snprintf(folder, sizeof folder, "%.*s/j2klearn.libs", static_cast<int>(package - own), own);
    DIR *listing = opendir(folder);
    void *handle = nullptr;
    while (listing != nullptr && handle == nullptr) {
        const dirent *entry = readdir(listing);
        if (entry == nullptr) {
            break;
        }
        if (std::strncmp(entry->d_name, "libopenjp2-", 11) == 0 &&
            std::snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < PATH_MAX) {
            handle = open_at(path);
        }
    }
    if (listing != nullptr) {
        closedir(listing);
    }
    return handle;
}

void load()
{
    if (const char *named = std::getenv("J2KLEARN_OPENJP2"); named != nullptr && *named != '\0') {
        library = open_at(named);
        if (library == nullptr) {
            std::fprintf(stderr, "j2klearn: J2KLEARN_OPENJP2 names %s, which is no library of OpenJPEG\n",
                         named);
        }
        return;
    }
    Paths paths;
    dl_iterate_phdr(add_loaded, &paths);
    paths.add(J2KL_SYSTEM_OPENJP2);
    paths.add("/usr/lib/x86_64-linux-gnu/libopenjp2.so.7");
    paths.add("/usr/lib/aarch64-linux-gnu/libopenjp2.so.7");
    paths.add("/usr/lib64/libopenjp2.so.7");
    paths.add("/usr/lib/libopenjp2.so.7");
    paths.add("/usr/local/lib/libopenjp2.so.7");
    library = paths.open();
    if (library == nullptr) {
        library = open_bundled(); // the last choice: a program's own copy and the system's come first
    }
    if (library == nullptr) {
        std::fputs(
            "j2klearn: no OpenJPEG 2.5 was found; set J2KLEARN_OPENJP2 to the path of libopenjp2.so.7\n",
            stderr);
    }
}

} // namespace

void *real_symbol(const char *name)
{
    pthread_once(&once, load);
    return library != nullptr ? dlsym(library, name) : nullptr;
}

} // namespace j2kl::openjp2
