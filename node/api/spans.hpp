// spans.hpp - the spans of one workflow, made from its history: one of the workflow, one of each
// attempt. They hold ids, names, types, times and classes of errors; no payloads, messages or
// tokens. Depends on include/tenax, model/trace and model/documents only. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/trace.hpp"
#include "tenax/view.hpp"

namespace tenax::api {

class workflow_spans {
 public:
  workflow_spans(std::string id, std::string name) : id_(std::move(id)), name_(std::move(name)) {}

  /// The next event of the history, from the first on. Adds the spans that end with it, as JSON of
  /// OTLP.
  void take(const history_event& e, std::vector<std::string>& out);
  /// Of the event that was taken last.
  [[nodiscard]] std::uint64_t seq() const noexcept { return seq_; }
  /// The workflow has; a failed one may go on.
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
  [[nodiscard]] wall_time submitted_at() const noexcept { return submitted_at_; }

 private:
  struct attempt {
    std::uint32_t number = 0;
    std::uint32_t deferrals = 0;
    wall_time began{};
    std::string type{};
  };
  struct ending {
    wall_time at{};
    std::string_view outcome{};
    int status = 0;  ///< of OTLP: 0 unset, 1 ok, 2 error
    std::string error_class{};
  };
  void begin_life(const history_event& e);
  void end_life(const history_event& e, std::vector<std::string>& out);
  void start(const history_event& e);
  [[nodiscard]] std::string attempt_text(const std::string& key, const attempt& a,
                                         const ending& how) const;
  [[nodiscard]] std::string workflow_text(const ending& how) const;

  const std::string id_;
  const std::string name_;
  std::uint64_t seq_ = 0;
  bool has_ended_ = false;
  wall_time submitted_at_{};
  model::trace_id trace_{};
  std::uint32_t life_ = 0;
  wall_time life_began_{};
  std::map<std::string, attempt> open_;  ///< by action
};

/// A document for POST /v1/traces of OTLP/HTTP (opentelemetry.io/docs/specs/otlp), of spans [0, n).
template <class Spans>
[[nodiscard]] std::string spans_document(const Spans& spans, std::size_t n) {
  std::string text =
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"tenax"}},)"
      R"({"key":"service.version","value":{"stringValue":")" TENAX_VERSION
      R"("}}]},"scopeSpans":[{"scope":{"name":"tenax"},"spans":[)";
  for (std::size_t i = 0; i < n; ++i) (text += i > 0 ? "," : "") += spans[i];
  return text += "]}]}]}";
}

}  // namespace tenax::api
