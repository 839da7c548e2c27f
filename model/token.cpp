#include "model/token.hpp"

#include <charconv>

#include "model/documents/hex.hpp"
#include "model/seams.hpp"
#include "model/validate.hpp"

namespace tenax::model {

namespace {

constexpr char separator = '~';  // in no id

/// All of `text`, without a sign, and without a zero before it.
bool read(std::string_view text, std::uint32_t& out) {
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, out);
  return failure == std::errc() && stop == end && (text == "0" || text.front() != '0');
}

}  // namespace

attempt_secret random_secret() {
  attempt_secret s;
  while (s.empty()) s = {random_seed(), random_seed()};
  return s;
}

std::string print_secret(const attempt_secret& secret) {
  return print_hex(secret.high) + print_hex(secret.low);
}

std::optional<attempt_secret> parse_secret(std::string_view text) {
  constexpr std::size_t half = 16;
  const auto high = parse_hex(text.substr(0, half));
  const auto low = parse_hex(text.size() > half ? text.substr(half) : std::string_view());
  if (!high || !low) return std::nullopt;
  return attempt_secret{*high, *low};
}

std::string print_token(std::string_view workflow_id, action_index action, std::uint32_t attempt,
                        const attempt_secret& secret) {
  std::string out(workflow_id);
  out.push_back(separator);
  out += std::to_string(action);
  out.push_back(separator);
  out += std::to_string(attempt);
  out.push_back(separator);
  return out + print_secret(secret);
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
  const auto secret = parse_secret(parts[3]);
  if (!valid_id(out.workflow_id) || !read(parts[1], out.action) || !read(parts[2], out.attempt) ||
      !secret || secret->empty()) {
    return std::nullopt;
  }
  out.secret = *secret;
  return out;
}

}  // namespace tenax::model
