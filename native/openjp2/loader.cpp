#include "openjp2/loader.hpp"

#include "openjp2/own_path.hpp"
#include "openjp2/real.hpp"

#include <climits>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>

namespace j2kl::openjp2 {

namespace {

pthread_once_t once = PTHREAD_ONCE_INIT;
const Engine *loaded = nullptr;
const char *reason = ""; // why there is none

void load()
{
    const char *own = own_path(), *name = std::strrchr(own, '/');
    char path[PATH_MAX];
    std::snprintf(path, sizeof path, "%.*s/%s", name != nullptr ? static_cast<int>(name - own) : 0, own,
                  engine_file);
    void *library =
        dlopen(path, RTLD_LAZY | RTLD_LOCAL); // never closed: its threads may run until the process ends
    if (library == nullptr) {
        const char *said = dlerror(), *copy = said != nullptr ? strdup(said) : nullptr;
        reason = copy != nullptr ? copy : engine_file;
        return;
    }
    const auto entry = reinterpret_cast<EngineEntry>(dlsym(library, engine_entry));
    const Engine *found = entry != nullptr ? entry(real_symbol) : nullptr;
    if (found == nullptr || found->version != engine_version) {
        reason = "the library libj2kl_openjp2.so is of another version of j2klearn";
        return;
    }
    loaded = found;
}

} // namespace

const Engine *engine(const Settings &settings)
{
    pthread_once(&once, load);
    if (loaded == nullptr && settings.warning != nullptr) {
        char text[1024];
        std::snprintf(text, sizeof text, "j2klearn: %s: the picture is decoded without the learned steps\n",
                      reason);
        settings.warning(text, settings.warning_data);
    }
    return loaded;
}

} // namespace j2kl::openjp2
