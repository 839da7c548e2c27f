#include "model/token.hpp"

#include <charconv>

#include "model/seams.hpp"
#include "model/validate.hpp"

namespace tenax::model {

namespace {

constexpr char separator = '~';  // in no id
constexpr std::size_t secret_digits = 32;

void append_hex(std::string& out, std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back(digits[(value >> shift) & 15]);
}

/// All of `text`, without a sign, and without a zero before it.
template <class Number>
bool read(std::string_view text, int base, Number& out) {
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, out, base);
  return failure == std::errc() && stop == end &&
         (base != 10 || text == "0" || text.front() != '0');
}

}  // namespace

attempt_secret random_secret() {
  attempt_secret s;
  while (s.empty()) s = {random_seed(), random_seed()};
  return s;
}

std::string print_token(std::string_view workflow_id, action_index action, std::uint32_t attempt,
                        const attempt_secret& secret) {
  std::string out(workflow_id);
  out.push_back(separator);
  out += std::to_string(action);
  out.push_back(separator);
  out += std::to_string(attempt);
  out.push_back(separator);
  append_hex(out, secret.high);
  append_hex(out, secret.low);
  return out;
}

std::optional<attempt_token> parse_token(std::string_view text) {
  std::string_view parts[4];
  for (std::size_t n = 0; n < 4; ++n) {
    const auto end = n < 3 ? text.find(separator) : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    parts[n] = text.substr(0, end);
    if (parts[n].empty()) return std::nullopt;
    text.remove_prefix(n < 3 ? end + 1 : end);
  }
  attempt_token out;
  out.workflow_id = parts[0];
  const bool is_lower = parts[3].find_first_of("ABCDEF") == std::string_view::npos;
  if (!valid_id(out.workflow_id) || parts[3].size() != secret_digits || !is_lower) {
    return std::nullopt;
  }
  if (!read(parts[1], 10, out.action) || !read(parts[2], 10, out.attempt) ||
      !read(parts[3].substr(0, 16), 16, out.secret.high) ||
      !read(parts[3].substr(16), 16, out.secret.low)) {
    return std::nullopt;
  }
  if (out.secret.empty()) return std::nullopt;
  return out;
}

}  // namespace tenax::model
