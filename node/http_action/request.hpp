// request.hpp - what the input of an http action asks for. Depends on node/http_action, http/text,
// model/documents. One thread each.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/documents/doc_reader.hpp"
#include "node/http_action/allowed_hosts.hpp"
#include "node/http_action/curl.hpp"
#include "node/http_action/secret_texts.hpp"

namespace tenax::http_action {

/// What inputs may ask for.
struct request_rules {
  const allowed_hosts& hosts;
  milliseconds timeout;
  bool has_secrets = false;
};

class request {
 public:
  /// With every fault of the input. `written`: the same before its references were replaced; what
  /// is only in `input` may be of another server, and names no secret.
  request(std::string_view input, std::string_view written, const request_rules& rules);

  [[nodiscard]] bool is_faulty() const noexcept { return !doc_.faults.empty(); }
  [[nodiscard]] std::vector<fault> take_faults() { return doc_.faults.take(); }

  // Of one without faults:
  [[nodiscard]] const std::string& method() const noexcept { return method_; }
  [[nodiscard]] const place& target() const noexcept { return target_; }
  [[nodiscard]] milliseconds timeout() const noexcept { return timeout_; }
  /// The names of the secrets it may use.
  [[nodiscard]] const std::vector<std::string>& secrets() const noexcept { return secrets_; }
  /// With secrets in their places, percent-encoded. Null: no memory.
  [[nodiscard]] curl::owned<CURLU> url(const secret_texts& secrets) const;
  /// With secrets in their places, and with what is sent unless the input says otherwise.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> headers(
      const secret_texts& secrets, const action_context& ctx) const;
  [[nodiscard]] std::optional<std::string> body(const secret_texts& secrets) const;

 private:
  void read(const request_rules& rules);
  void read_method(model::json_at at);
  void read_url(model::json_at at, const request_rules& rules);
  void read_headers(model::json_at at);
  void read_header(model::json_at at, const model::doc_path& path);
  void read_timeout(model::json_at at);
  void read_secrets(model::json_at at);
  void check_secrets(const request_rules& rules);
  [[nodiscard]] bool are_secrets_written() const;
  /// The member of the input as it was written.
  [[nodiscard]] std::optional<model::json_at> written_member(
      std::initializer_list<std::string_view> path) const;
  /// The text at that place as it was written; "" if it was not a text.
  [[nodiscard]] std::string_view written_text(std::optional<model::json_at> at) const;
  void check_names(std::string_view text, const model::doc_path& path);
  [[nodiscard]] bool is_header_given(std::string_view name) const;

  model::doc_reader doc_;
  std::optional<model::json_tree> written_;
  std::string method_;
  curl::owned<CURLU> url_;
  place target_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::optional<model::json_at> body_;
  std::optional<model::json_at> secrets_at_;
  bool is_url_written_ = false;  ///< without references
  milliseconds timeout_;
  std::vector<std::string> secrets_;
};

}  // namespace tenax::http_action
