#include "node/http_action/secret_texts.hpp"

#include <algorithm>
#include <utility>

#include "http/private_file.hpp"
#include "http/text.hpp"
#include "http/uri.hpp"
#include "model/documents/json_text.hpp"

namespace tenax::http_action {

namespace {

constexpr std::string_view mark = "secret:";
constexpr std::size_t name_bytes_max = 128;
/// A shorter one is no secret, and would be found everywhere in answers.
constexpr std::size_t value_bytes_least = 8;
constexpr std::size_t value_bytes_max = 64U << 10;

bool is_name_character(char c) { return http::is_alnum(c) || c == '_' || c == '-'; }

struct mention {
  std::size_t at;
  std::string_view name;
};

/// The next one from there on. "mysecret:x" is none.
std::optional<mention> find_secret(std::string_view text, std::size_t from) {
  for (auto at = text.find(mark, from); at != text.npos; at = text.find(mark, at + 1)) {
    if (at > 0 && is_name_character(text[at - 1])) continue;
    auto end = at + mark.size();
    while (end < text.size() && is_name_character(text[end])) ++end;
    const auto name = text.substr(at + mark.size(), end - at - mark.size());
    if (is_secret_name(name)) return mention{at, name};
  }
  return std::nullopt;
}

std::string in_json(const std::string& text) {
  std::string quoted;
  model::append_json_string(quoted, text);
  return quoted.substr(1, quoted.size() - 2);
}

/// As libcurl and others write it: %2f.
std::string with_small_digits(std::string encoded) {
  for (auto at = encoded.find('%'); at != encoded.npos; at = encoded.find('%', at + 1))
    for (const auto i : {at + 1, at + 2}) encoded[i] = http::to_lower(encoded[i]);
  return encoded;
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

std::optional<outcome> fault_of(const std::string& name, const result<std::string>& value) {
  const auto unusable = [&](const std::string& why) {
    return outcome::fatal("secret_unusable", "the secret " + name + " cannot be used: " + why);
  };
  if (!value) {
    if (value.error().code() == errc::not_found)
      return outcome::fatal("secret_missing", "there is no secret " + name);
    return unusable(value.error().message());
  }
  if (value->size() < value_bytes_least) return unusable("it has less than 8 bytes");
  if (value->size() > value_bytes_max) return unusable("it has more than 64 KiB");
  if (value->find('\0') != std::string::npos) return unusable("it has a zero byte");
  return std::nullopt;
}

}  // namespace

bool is_secret_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && !http::is_digit(text.front()) &&
         text.front() != '-' && std::ranges::all_of(text, is_name_character);
}

void each_secret_in(std::string_view text, const std::function<void(std::string_view)>& f) {
  for (std::size_t from = 0; const auto found = find_secret(text, from);) {
    f(found->name);
    from = found->at + mark.size() + found->name.size();
  }
}

std::optional<outcome> secret_texts::add(const std::string& name, const secret_source& source) {
  const auto value =
      source ? source(name) : result<std::string>(error(errc::not_found, "there are no secrets"));
  if (auto wrong = fault_of(name, value)) return wrong;
  all_.push_back({name, *value});
  const auto encoded = http::percent_encode(*value);
  for (const auto& text : {*value, encoded, with_small_digits(encoded), in_json(*value)})
    shown_.emplace_back(text, "[" + std::string(mark) + name + "]");
  std::ranges::stable_sort(shown_, std::ranges::greater{},
                           [](const auto& s) { return s.first.size(); });
  return std::nullopt;
}

std::string secret_texts::put_into(
    std::string_view text, const std::function<std::string(std::string_view)>& written) const {
  std::string out;
  std::size_t done = 0;
  for (std::size_t from = 0; const auto found = find_secret(text, from);) {
    from = found->at + mark.size() + found->name.size();
    const auto known = std::ranges::find(all_, found->name, &one::name);
    if (known == all_.end()) continue;
    out += text.substr(done, found->at - done);
    out += written ? written(known->value) : known->value;
    done = from;
  }
  return out += text.substr(done);
}

std::string secret_texts::taken_out_of(std::string text) const {
  for (const auto& [value, name] : shown_) replace_all(text, value, name);
  return text;
}

std::string secret_texts::taken_out_of_cut(std::string text) const {
  text = taken_out_of(std::move(text));
  std::size_t cut = 0;
  for (const auto& [value, name] : shown_) {
    for (auto n = std::min(value.size() - 1, text.size()); n > cut; --n)
      if (text.ends_with(std::string_view(value).substr(0, n))) cut = n;
  }
  text.resize(text.size() - cut);
  return text;
}

}  // namespace tenax::http_action

namespace tenax {

secret_source secrets_in(std::filesystem::path directory) {
  return [directory = std::move(directory)](const std::string& name) -> result<std::string> {
    if (!http_action::is_secret_name(name))
      return error(errc::not_found, "a secret's name is a letter and letters, digits, _ and -");
    auto text =
        http::read_private_file(directory / name, "the file", http_action::value_bytes_max + 2);
    if (!text) return text.error();
    if (text->ends_with('\n')) text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
    return text;
  };
}

}  // namespace tenax
