#include "node/http_action/secret_texts.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "http/private_file.hpp"
#include "http/text.hpp"
#include "model/documents/json_tree.hpp"

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

/// So many bytes of a text stand for so many of a secret.
struct spelling {
  std::size_t bytes;
  std::size_t of_secret;
};

std::optional<unsigned> hex_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return std::nullopt;
  unsigned value = 0;
  const auto* const last = text.data() + at + digits;
  const auto read = std::from_chars(text.data() + at, last, value, 16);
  if (read.ec != std::errc{} || read.ptr != last) return std::nullopt;
  return value;
}

/// The character that begins there, in UTF-8; its first byte if it is none.
std::string_view character_at(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return text.substr(at, n);
}

std::optional<spelling> escaped_at(std::string_view text, std::size_t at, std::string_view secret,
                                   std::size_t i) {
  if (text[at] == '%') {
    const auto byte = hex_at(text, at + 1, 2);
    if (byte && static_cast<char>(*byte) == secret[i]) return spelling{3, 1};
    return std::nullopt;
  }
  if (text[at] == '+' && secret[i] == ' ') return spelling{1, 1};
  if (text[at] != '\\' || at + 1 == text.size()) return std::nullopt;
  if (text[at + 1] != 'u') {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    const auto which = letters.find(text[at + 1]);
    if (which != letters.npos && meant[which] == secret[i]) return spelling{2, 1};
    return std::nullopt;
  }
  const auto character = character_at(secret, i);
  std::string quoted = "\"" + std::string(text.substr(at, 6)) + "\"";
  auto bytes = std::size_t{6};
  if (character.size() == 4) {  // two of them
    quoted = "\"" + std::string(text.substr(at, 12)) + "\"";
    bytes = 12;
  }
  const auto parsed = model::parse_json(quoted, {1, false});
  if (parsed.failure != model::json_failure::none) return std::nullopt;
  if (parsed.tree.text(model::json_tree::root) != character) return std::nullopt;
  return spelling{bytes, character.size()};
}

struct match {
  std::size_t bytes = 0;  ///< of the text
  bool is_whole = false;  ///< else the text ends before the secret does
};

/// The secret as it stands at that place. `escapes_first`: where a byte of the text is the secret's
/// and may as well begin an escape.
match match_as(std::string_view text, std::size_t at, std::string_view secret, bool escapes_first) {
  const auto begin = at;
  for (std::size_t i = 0; i < secret.size();) {
    if (at == text.size()) return {at - begin, false};
    const bool is_same = text[at] == secret[i];
    const auto other = is_same && !escapes_first ? std::nullopt : escaped_at(text, at, secret, i);
    if (is_same && !other) {
      ++at, ++i;
      continue;
    }
    if (!other) {
      // An escape that was cut may have been the next byte.
      const bool is_cut =
          (text[at] == '%' && text.size() - at < 3) || (text[at] == '\\' && text.size() - at < 12);
      return {is_cut ? text.size() - begin : 0, false};
    }
    at += other->bytes;
    i += other->of_secret;
  }
  return {at - begin, true};
}

match match_at(std::string_view text, std::size_t at, std::string_view secret) {
  const auto one = match_as(text, at, secret, false);
  const auto other = one.is_whole ? one : match_as(text, at, secret, true);
  return other.is_whole || other.bytes > one.bytes ? other : one;
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
  std::ranges::stable_sort(all_, std::ranges::greater{},
                           [](const one& s) { return s.value.size(); });
  return std::nullopt;
}

std::string secret_texts::put_into(
    std::string_view text, const std::function<std::string(std::string_view)>& encode) const {
  std::string out;
  std::size_t done = 0;
  for (std::size_t from = 0; const auto found = find_secret(text, from);) {
    from = found->at + mark.size() + found->name.size();
    const auto known = std::ranges::find(all_, found->name, &one::name);
    if (known == all_.end()) continue;
    out += text.substr(done, found->at - done);
    out += encode ? encode(known->value) : known->value;
    done = from;
  }
  return out += text.substr(done);
}

std::string secret_texts::put_into_written(std::string_view text, std::string_view written) const {
  const auto first = written.find("${");
  if (first == written.npos) return text == written ? put_into(text) : std::string(text);
  const auto head = written.substr(0, first);
  const auto last = written.rfind('}');
  const auto tail = last == written.npos ? std::string_view() : written.substr(last + 1);
  if (text.size() < head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail))
    return std::string(text);
  auto out = put_into(head);
  out += text.substr(head.size(), text.size() - head.size() - tail.size());
  return out += put_into(tail);
}

std::string secret_texts::taken_out_of(std::string_view text) const {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = std::ranges::find_if(
        all_, [&](const one& s) { return match_at(text, at, s.value).is_whole; });
    if (found == all_.end()) {
      out += text[at++];
      continue;
    }
    out.append("[").append(mark).append(found->name).append("]");
    at += match_at(text, at, found->value).bytes;
  }
  return out;
}

std::string secret_texts::taken_out_of_cut(std::string_view text) const {
  auto out = taken_out_of(text);
  for (std::size_t at = 0; at < out.size(); ++at) {
    const bool begins_one = std::ranges::any_of(all_, [&](const one& s) {
      const auto m = match_at(out, at, s.value);
      return !m.is_whole && m.bytes == out.size() - at;
    });
    if (begins_one) out.resize(at);
  }
  return out;
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
