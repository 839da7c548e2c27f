#include "node/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tenax::node {

namespace {

struct character {
  std::size_t bytes = 0;  ///< 0: not UTF-8
  std::uint32_t code = 0;
};

/// The character at the front (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
character first_character(std::string_view s) noexcept {
  const auto lead = static_cast<unsigned char>(s[0]);
  if (lead < 0x80) return {1, lead};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || s.size() < bytes) return {};
  std::uint32_t code = lead & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(s[i]);
    if ((next & 0xC0u) != 0x80) return {};
    code = code << 6 | (next & 0x3Fu);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < least[bytes] || code > 0x10FFFF || surrogate) return {};
  return {bytes, code};
}

bool must_escape(std::uint32_t code) noexcept {
  return code < 0x20 || (code >= 0x7F && code < 0xA0)  // C0, DEL, C1
         || (code >= 0x200B && code <= 0x200F)         // zero width, direction marks
         || (code >= 0x2028 && code <= 0x202E)         // separators, embeddings, overrides
         || (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

std::string escaped(std::uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  std::array<char, 12> out{};
  std::snprintf(out.data(), out.size(), code < 0x80 ? "\\x%02x" : "\\u%04x",
                static_cast<unsigned>(code));
  return out.data();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = first_character(text);
    if (c.bytes == 0) {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned char>(text[0]));
      out += hex.data();
      text.remove_prefix(1);
      continue;
    }
    if (must_escape(c.code))
      out += escaped(c.code);
    else
      out += text.substr(0, c.bytes);
    text.remove_prefix(c.bytes);
  }
  return out;
}

bool valid_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto c = first_character(text);
    if (c.bytes == 0) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

std::size_t columns(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0u) != 0x80;  // not a continuation byte
  }));
}

std::string shortened(std::string text, std::size_t columns_max) {
  if (columns(text) <= columns_max) return text;
  const std::string_view dots = columns_max >= 3 ? "..." : "";
  std::size_t left = columns_max - dots.size();
  std::size_t end = 0;
  while (end < text.size()) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0u) != 0x80 && left-- == 0) break;
    ++end;
  }
  text.resize(end);
  return text += dots;
}

std::string padded(std::string text, std::size_t width) {
  const auto used = columns(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

std::optional<wall_time> parse_time(std::string_view text) {
  constexpr std::size_t date_bytes = 10;
  return model::parse_timestamp(text.size() == date_bytes ? std::string(text) + "T00:00:00Z"
                                                          : std::string(text));
}

std::string format_count(std::uint64_t n) {
  auto digits = std::to_string(n);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<std::size_t>(i), 1, ',');
  return digits;
}

std::string counted(std::uint64_t n, std::string_view noun) {
  auto out = format_count(n) + ' ';
  out += noun;
  if (n != 1) out += 's';
  return out;
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=@%+,";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  const bool as_it_is = printable(text) == text;
  std::string out = as_it_is ? "'" : "$'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (as_it_is) {
      out += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
    } else if (byte < 0x20 || byte >= 0x7F) {
      std::array<char, 8> octal{};  // three digits, so that one that follows is not taken for more
      std::snprintf(octal.data(), octal.size(), "\\%03o", byte);
      out += octal.data();
    } else {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '\'';
}

std::string command_line(std::string_view command, const engine_name& about) {
  auto out = "tenax " + std::string{command};
  if (!about.server.empty()) return out + " --server " + shell_word(about.server);
  // In one word: a directory may begin with a dash.
  if (about.data_dir.string().starts_with('-'))
    return out + ' ' + shell_word("--data-dir=" + about.data_dir.string());
  if (about.data_dir != default_data_dir)
    out += " --data-dir " + shell_word(about.data_dir.string());
  return out;
}

std::string command_line(std::string_view command, const engine_name& about,
                         const std::vector<std::string>& words) {
  auto out = command_line(command, about);
  const bool dash = std::any_of(words.begin(), words.end(),
                                [](const std::string& w) { return w.starts_with('-'); });
  if (dash) out += " --";
  for (const auto& w : words) out += ' ' + shell_word(w);
  return out;
}

std::string id_line(std::string_view command, const engine_name& about, const std::string& id) {
  return command_line(command, about, {id});
}

std::string resolve_line(const engine_name& about, const std::string& workflow,
                         const std::string& action) {
  return command_line("resolve", about, {workflow, action, "retry"}) +
         "  # or skip, fail, complete with --value JSON";
}

std::string table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 < row.size() ? padded(row[i], widths[i]) + "  " : row[i];
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace tenax::node
