// secret_texts.hpp - the secrets of one attempt: put into what it sends, taken out of what it says.
// Depends on include/tenax, http/ and model/documents. Values; const calls are thread safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/http_action.hpp"

namespace tenax::http_action {

/// A name is a letter or '_' and up to 127 more of [A-Za-z0-9_-].
[[nodiscard]] bool is_secret_name(std::string_view text);

/// Calls f(name) for each `secret:NAME` of the text.
void each_secret_in(std::string_view text, const std::function<void(std::string_view)>& f);

class secret_texts {
 public:
  /// A value has 8 bytes to 64 KiB, and no zero byte. What is wrong with it is the attempt's
  /// outcome: fatal, class secret_missing or secret_unusable.
  [[nodiscard]] std::optional<outcome> add(const std::string& name, const secret_source& source);

  /// The text with its secrets in the place of their names; other names stay as they are.
  [[nodiscard]] std::string put_into(
      std::string_view text, const std::function<std::string(std::string_view)>& encode = {}) const;
  /// The same of a text with references, of which `written` is what somebody wrote: only before the
  /// first of them and behind the last, for what they bring may be of another server.
  [[nodiscard]] std::string put_into_written(std::string_view text, std::string_view written) const;
  /// The text with each secret that it holds replaced by its name; each byte of one may be as it
  /// is, percent-encoded, or escaped as in JSON.
  [[nodiscard]] std::string taken_out_of(std::string_view text) const;
  /// The same of a text that was cut: no beginning of a secret is left at its end.
  [[nodiscard]] std::string taken_out_of_cut(std::string_view text) const;

 private:
  struct one {
    std::string name;
    std::string value;
  };
  std::vector<one> all_;  ///< long ones first
};

}  // namespace tenax::http_action
