#include "handlers/input.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "tenax/plain_numbers.hpp"

namespace tenax::builtin {

namespace {

using json = nlohmann::json;

/// RFC 6901: what a key looks like inside a JSON pointer.
std::string pointer_token(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

/// The length of the valid UTF-8 character that `s` begins with, 0 if there is none (RFC 3629: no
/// overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t character_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || s.size() < length) return 0;
  std::uint32_t code = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < least[length] || code > 0x10FFFF || surrogate ? 0 : length;
}

/// How the character at the front of `s` is shown.
std::string shown(std::string_view character) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1 && (first < 0x20 || first == 0x7F)) {
    if (first == '\n') return "\\n";
    if (first == '\r') return "\\r";
    if (first == '\t') return "\\t";
    return {'\\', 'x', hex[first >> 4], hex[first & 15]};
  }
  const auto second = character.size() == 2 ? static_cast<unsigned char>(character[1]) : 0xFFu;
  if (first == 0xC2 && second < 0xA0)  // C1: some terminals obey them
    return {'\\', 'u', '0', '0', hex[second >> 4], hex[second & 15]};
  return std::string{character};
}

json parse(std::string_view input) {
  const plain_numbers no_locale;  // the parser asks it for its decimal point
  return json::parse(input, nullptr, false);
}

}  // namespace

input_reader::input_reader(std::string_view input, std::initializer_list<std::string_view> known)
    : doc_(parse(input)) {
  if (doc_.is_discarded()) {
    fail("", "must be JSON");
    return;
  }
  if (!doc_.is_object()) {
    fail("", "must be a JSON object");
    return;
  }
  for (const auto& item : doc_.items())
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      fail("/" + pointer_token(item.key()), "is not a field of this action");
}

const json* input_reader::field(std::string_view name) {
  if (!doc_.is_object()) return nullptr;  // that fault is known already
  const auto it = doc_.find(name);
  if (it != doc_.end()) return &*it;
  fail("/" + std::string{name}, "is required");
  return nullptr;
}

const json* input_reader::optional_field(std::string_view name) const {
  if (!doc_.is_object()) return nullptr;
  const auto it = doc_.find(name);
  return it != doc_.end() ? &*it : nullptr;
}

void input_reader::fail(std::string path, std::string message) {
  faults_.push_back({std::move(path), std::move(message)});
}

outcome bad_input(const std::vector<fault>& faults) {
  constexpr std::size_t shown_bytes_max = 1'024;
  std::string text;
  for (const auto& f : faults) {
    if (!text.empty()) text += "; ";
    text += (f.path.empty() ? std::string{"the input"} : f.path) + " " + f.message;
    if (text.size() > shown_bytes_max) break;
  }
  return outcome::fatal("bad_input", printable(text, shown_bytes_max));
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const auto length = character_length(text);
    const std::string piece = length == 0 ? "\xEF\xBF\xBD" : shown(text.substr(0, length));
    if (piece.size() > bytes_max - out.size()) break;
    out += piece;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace tenax::builtin
