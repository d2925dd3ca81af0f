// A strict parser of JSON (RFC 8259) for the headers of model files, which are not trusted. It accepts UTF-8
// text only, refuses names that occur twice, and bounds the depth, the number of values and the size of
// numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace j2kl::picture {

struct Json {
    enum class Kind { null, boolean, integer, real, string, array, object };

    Kind kind = Kind::null;
    bool flag = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;                                  // of a string, UTF-8
    std::vector<Json> items;                           // of an array
    std::vector<std::pair<std::string, Json>> members; // of an object, in the order of the text

    bool is(Kind other) const { return kind == other; }
    // The member of an object; null if there is none, or if this is no object.
    const Json *member(std::string_view name) const;
    // The text as Python's json.dumps(value, sort_keys=True) writes it. Ids of models depend on it.
    std::string dumped() const;
};

// Throws Failure (J2KL_ERROR_MODEL) if the text is not valid JSON, or exceeds a limit.
Json parse_json(std::string_view text);

} // namespace j2kl::picture
