#include "decoder/json.hpp"

#include "base/failure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <locale>
#include <sstream>

namespace j2kl::picture {

namespace {

constexpr std::size_t most_depth = 16, most_values = 65536, most_digits = 18, most_number = 64;

[[noreturn]] void fail()
{
    throw Failure(J2KL_ERROR_MODEL, "this is not a j2klearn model file: its JSON is not valid");
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// The number of bytes of the UTF-8 character at the start of `text`; 0 if it is not valid (RFC 3629).
std::size_t utf8_length(std::string_view text)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t length = first >= 0xc2 && first < 0xe0   ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    if (length == 0 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) {
            return 0;
        }
    }
    const unsigned char second = byte(1);
    const bool valid = !((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                         (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90));
    return valid ? length : 0;
}

void append_utf8(std::string &out, std::uint32_t code)
{
    const auto put = [&](std::uint32_t value) {
        out.push_back(static_cast<char>(static_cast<unsigned char>(value)));
    };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0U | (code >> 6));
        put(0x80U | (code & 0x3fU));
    } else if (code < 0x10000) {
        put(0xe0U | (code >> 12));
        put(0x80U | ((code >> 6) & 0x3fU));
        put(0x80U | (code & 0x3fU));
    } else {
        put(0xf0U | (code >> 18));
        put(0x80U | ((code >> 12) & 0x3fU));
        put(0x80U | ((code >> 6) & 0x3fU));
        put(0x80U | (code & 0x3fU));
    }
}

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Json document()
    {
        Json value = parse(0);
        skip_space();
        if (at_ != text_.size()) {
            fail();
        }
        return value;
    }

private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    char next()
    {
        if (at_ >= text_.size()) {
            fail();
        }
        return text_[at_++];
    }
    bool take(char c)
    {
        if (peek() != c || at_ >= text_.size()) {
            return false;
        }
        ++at_;
        return true;
    }
    void skip_space()
    {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
            ++at_;
        }
    }

    Json parse(std::size_t depth)
    {
        if (depth > most_depth || ++values_ > most_values) {
            fail();
        }
        skip_space();
        const char c = peek();
        if (c == '{') {
            return object(depth);
        }
        if (c == '[') {
            return array(depth);
        }
        Json value;
        if (c == '"') {
            value.kind = Json::Kind::string;
            value.text = string();
        } else if (c == '-' || is_digit(c)) {
            number(value);
        } else if (word("true")) {
            value.kind = Json::Kind::boolean;
            value.flag = true;
        } else if (word("false")) {
            value.kind = Json::Kind::boolean;
        } else if (!word("null")) {
            fail();
        }
        return value;
    }

    bool word(std::string_view name)
    {
        if (text_.substr(at_, name.size()) != name) {
            return false;
        }
        at_ += name.size();
        return true;
    }

    Json object(std::size_t depth)
    {
        Json value;
        value.kind = Json::Kind::object;
        ++at_;
        skip_space();
        if (take('}')) {
            return value;
        }
        while (true) {
            skip_space();
            if (peek() != '"') {
                fail();
            }
            std::string name = string();
            if (value.member(name) != nullptr) {
                fail();
            }
            skip_space();
            if (!take(':')) {
                fail();
            }
            value.members.emplace_back(std::move(name), parse(depth + 1));
            skip_space();
            if (take('}')) {
                return value;
            }
            if (!take(',') || value.members.size() >= most_members) {
                fail();
            }
        }
    }

    Json array(std::size_t depth)
    {
        Json value;
        value.kind = Json::Kind::array;
        ++at_;
        skip_space();
        if (take(']')) {
            return value;
        }
        while (true) {
            value.items.push_back(parse(depth + 1));
            skip_space();
            if (take(']')) {
                return value;
            }
            if (!take(',')) {
                fail();
            }
        }
    }

    std::uint32_t hexadecimal()
    {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = next();
            const int digit = is_digit(c)            ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) {
                fail();
            }
            value = value << 4 | static_cast<std::uint32_t>(digit);
        }
        return value;
    }

    void escape(std::string &out)
    {
        static constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
        const char c = next();
        if (const std::size_t at = names.find(c); at != std::string_view::npos) {
            out.push_back(values[at]);
            return;
        }
        if (c != 'u') {
            fail();
        }
        std::uint32_t code = hexadecimal();
        if (code >= 0xd800 && code < 0xdc00) { // the first half of a character beyond 16 bits
            if (next() != '\\' || next() != 'u') {
                fail();
            }
            const std::uint32_t low = hexadecimal();
            if (low < 0xdc00 || low >= 0xe000) {
                fail();
            }
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        } else if (code >= 0xdc00 && code < 0xe000) {
            fail();
        }
        append_utf8(out, code);
    }

    std::string string()
    {
        std::string out;
        ++at_;
        while (true) {
            const char c = peek();
            if (at_ >= text_.size() || static_cast<unsigned char>(c) < 0x20) {
                fail();
            }
            if (c == '"') {
                ++at_;
                return out;
            }
            if (c == '\\') {
                ++at_;
                escape(out);
                continue;
            }
            const std::size_t length = utf8_length(text_.substr(at_));
            if (length == 0) {
                fail();
            }
            out.append(text_.substr(at_, length));
            at_ += length;
        }
    }

    void digits()
    {
        if (!is_digit(peek())) {
            fail();
        }
        while (is_digit(peek())) {
            ++at_;
        }
    }

    void number(Json &value)
    {
        const std::size_t start = at_;
        const bool negative = take('-');
        const std::size_t first = at_;
        if (take('0')) {
            if (is_digit(peek())) {
                fail();
            }
        } else {
            digits();
        }
        const std::size_t whole = at_ - first;
        bool real = false;
        if (take('.')) {
            digits();
            real = true;
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') {
                ++at_;
            }
            digits();
            real = true;
        }
        const std::string literal(text_.substr(start, at_ - start));
        if (literal.size() > most_number || (!real && whole > most_digits)) {
            fail();
        }
        if (!real) {
            value.kind = Json::Kind::integer;
            for (std::size_t i = first; i < at_; ++i) {
                value.integer = value.integer * 10 + (text_[i] - '0');
            }
            value.integer = negative ? -value.integer : value.integer;
            return;
        }
        value.kind = Json::Kind::real;
        std::istringstream stream(literal);
        stream.imbue(std::locale::classic());
        stream >> value.real;
        if (stream.fail() || !std::isfinite(value.real)) {
            fail();
        }
    }

    static constexpr std::size_t most_members = 1024; // names are compared one by one

    std::string_view text_;
    std::size_t at_ = 0, values_ = 0;
};

// As Python writes a string: everything but printable ASCII is escaped.
void dump_string(const std::string &text, std::string &out)
{
    out.push_back('"');
    const auto unit = [&](std::uint32_t code) {
        std::array<char, 16> buffer{};
        std::snprintf(buffer.data(), buffer.size(), "\\u%04x", static_cast<unsigned>(code));
        out.append(buffer.data());
    };
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(std::string_view(text).substr(at));
        std::uint32_t code = static_cast<unsigned char>(text[at]);
        if (length > 1) {
            code &= 0xffU >> (length + 1);
            for (std::size_t i = 1; i < length; ++i) {
                code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
            }
        }
        at += length;
        static constexpr std::string_view named = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
        const std::size_t place = code < 0x80 ? named.find(static_cast<char>(code)) : std::string_view::npos;
        if (place != std::string_view::npos) {
            out.push_back('\\');
            out.push_back(names[place]);
        } else if (code >= 0x20 && code < 0x7f) {
            out.push_back(static_cast<char>(code));
        } else if (code < 0x10000) {
            unit(code);
        } else {
            unit(0xd800 + ((code - 0x10000) >> 10));
            unit(0xdc00 + ((code - 0x10000) & 0x3ffU));
        }
    }
    out.push_back('"');
}

// As Python writes a float: the shortest digits that name it, with an exponent below 1e-4 and from 1e16 on.
void dump_real(double value, std::string &out)
{
    std::string digits;
    int exponent = 0;
    for (int precision = 0; precision <= 16; ++precision) {
        std::ostringstream stream;
        stream.imbue(std::locale::classic());
        stream.precision(precision);
        stream << std::scientific << std::fabs(value);
        const std::string text = stream.str();
        std::istringstream back(text);
        back.imbue(std::locale::classic());
        double read = 0;
        back >> read;
        if (read == std::fabs(value) || precision == 16) {
            const std::size_t e = text.find('e');
            digits = text.substr(0, e);
            digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
            exponent = std::stoi(text.substr(e + 1));
            break;
        }
    }
    while (digits.size() > 1 && digits.back() == '0') {
        digits.pop_back();
    }
    if (std::signbit(value)) {
        out.push_back('-');
    }
    const int count = static_cast<int>(digits.size());
    if (value != 0 && (exponent < -4 || exponent >= 16)) {
        out += digits.substr(0, 1);
        out += count > 1 ? "." + digits.substr(1) : "";
        const std::string size = std::to_string(std::abs(exponent));
        out += exponent < 0 ? "e-" : "e+";
        out += size.size() < 2 ? "0" + size : size;
    } else if (exponent < 0) {
        out += "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    } else if (count <= exponent + 1) {
        out += digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
    } else {
        out += digits.substr(0, static_cast<std::size_t>(exponent + 1)) + "." +
               digits.substr(static_cast<std::size_t>(exponent + 1));
    }
}

void dump(const Json &value, std::string &out)
{
    switch (value.kind) {
    case Json::Kind::null:
        out += "null";
        break;
    case Json::Kind::boolean:
        out += value.flag ? "true" : "false";
        break;
    case Json::Kind::integer:
        out += std::to_string(value.integer);
        break;
    case Json::Kind::real:
        dump_real(value.real, out);
        break;
    case Json::Kind::string:
        dump_string(value.text, out);
        break;
    case Json::Kind::array:
        out.push_back('[');
        for (std::size_t i = 0; i < value.items.size(); ++i) {
            out += i > 0 ? ", " : "";
            dump(value.items[i], out);
        }
        out.push_back(']');
        break;
    case Json::Kind::object: {
        std::vector<const std::pair<std::string, Json> *> members;
        for (const auto &member : value.members) {
            members.push_back(&member);
        }
        std::sort(members.begin(), members.end(),
                  [](const auto *a, const auto *b) { return a->first < b->first; });
        out.push_back('{');
        for (std::size_t i = 0; i < members.size(); ++i) {
            out += i > 0 ? ", " : "";
            dump_string(members[i]->first, out);
            out += ": ";
            dump(members[i]->second, out);
        }
        out.push_back('}');
        break;
    }
    }
}

} // namespace

const Json *Json::member(std::string_view name) const
{
    for (const auto &[key, value] : members) {
        if (key == name) {
            return &value;
        }
    }
    return nullptr;
}

std::string Json::dumped() const
{
    std::string out;
    dump(*this, out);
    return out;
}

Json parse_json(std::string_view text)
{
    return Parser(text).document();
}

} // namespace j2kl::picture
