// json_writer.hpp - appends JSON to a text, piece by piece, without spaces. Depends on
// include/tenax and model/documents only. Refers to the text that it was given.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "model/documents/json_text.hpp"
#include "model/documents/timestamp.hpp"

namespace tenax::model {

/// Puts the commas; that brackets match is its user's business. Members have a name, elements of
/// arrays and a document have "".
class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  void begin_object(std::string_view name = {}) { begin(name), out_ += '{'; }
  void end_object() { out_ += '}'; }
  void begin_array(std::string_view name = {}) { begin(name), out_ += '['; }
  void end_array() { out_ += ']'; }

  /// What is not UTF-8 becomes U+FFFD.
  void string(std::string_view name, std::string_view value) {
    begin(name);
    append_json_string(out_, value);
  }
  template <std::integral Integer>
  void number(std::string_view name, Integer value) {
    begin(name);
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  void null(std::string_view name) { raw(name, "null"); }
  void time(std::string_view name, wall_time at) { string(name, print_timestamp(at)); }
  /// JSON as it is.
  void raw(std::string_view name, std::string_view json) {
    begin(name);
    out_ += json;
  }

  /// These leave out what is not there.
  void optional_string(std::string_view name, std::string_view value) {
    if (!value.empty()) string(name, value);
  }
  void optional_time(std::string_view name, const std::optional<wall_time>& at) {
    if (at) time(name, *at);
  }

  [[nodiscard]] std::string& text() noexcept { return out_; }

 private:
  /// What was written last tells whether there is something before this: no value ends as these.
  void begin(std::string_view name) {
    if (!out_.empty() && std::string_view("{[:\n").find(out_.back()) == std::string_view::npos) {
      out_ += ',';
    }
    if (name.empty()) return;
    append_json_string(out_, name);
    out_ += ':';
  }

  std::string& out_;
};

/// An object with the members that `put(json_writer&)` adds.
template <class Put>
[[nodiscard]] std::string object_text(Put put) {
  std::string text;
  json_writer out(text);
  out.begin_object();
  put(out);
  out.end_object();
  return text;
}

}  // namespace tenax::model
