#include "node/remote.hpp"

#include <utility>

#include "http/uri.hpp"
#include "model/documents/policy_json.hpp"
#include "model/documents/view_json.hpp"
#include "node/view_reading.hpp"
#include "storage/views.hpp"

namespace tenax::node {

namespace {

using model::json_writer;

/// A query, piece by piece.
class query_text {
 public:
  explicit query_text(std::string path) : text_(std::move(path)) {}
  void add(std::string_view name, std::string_view value) {
    text_ += std::exchange(joint_, '&');
    text_ += name;
    text_ += '=';
    text_ += http::percent_encode(value);
  }
  void add(std::string_view name, std::uint64_t value) { add(name, std::to_string(value)); }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  char joint_ = '?';
};

std::string filtered(std::string path, const list_query& q, bool with_limit) {
  query_text out(std::move(path));
  if (q.status) out.add("status", to_string(*q.status));
  if (q.open) out.add("open", "true");
  if (q.name) out.add("name", *q.name);
  if (q.reference) out.add("reference", *q.reference);
  if (q.error_class) out.add("error_class", *q.error_class);
  if (q.waiting) out.add("waiting", to_string(*q.waiting));
  if (q.from) out.add("from", format_time(*q.from));
  if (q.until) out.add("until", format_time(*q.until));
  if (q.newest_first) out.add("newest_first", "true");
  if (!q.page_token.empty()) out.add("cursor", q.page_token);
  if (with_limit) out.add("limit", q.limit);
  return out.text();
}

class remote final : public operable {
 public:
  remote(client to, std::string runs_at, std::string who)
      : client_(std::move(to)), runs_at_(std::move(runs_at)), who_(std::move(who)) {}

  result<workflow_summary> summary(std::string_view id) const override {
    return read(of_workflow(id, "?summary"), read_summary);
  }
  result<workflow_view> get(std::string_view id) const override {
    return read(of_workflow(id), read_view);
  }
  result<explanation> explain(std::string_view id) const override {
    return read(of_workflow(id, "/explain"), read_explanation);
  }
  result<page<workflow_summary>> list(const list_query& query) const override {
    return read(filtered("/v1/workflows", query, true), read_page);
  }
  result<list_count> count(const list_query& query) const override {
    return read(filtered("/v1/workflows:count", query, false), read_count);
  }
  result<std::vector<history_event>> history(std::string_view id, std::uint64_t after,
                                             std::size_t limit) const override {
    const auto path = of_workflow(id, "/history");
    if (!path) return path.error();
    query_text query(*path);
    query.add("after", after);
    query.add("limit", limit);
    return read(query.text(), read_history);
  }
  std::string runs_at() const override { return runs_at_; }

  result<workflow_summary> cancel(std::string_view id, const std::string& reason) override {
    return post(of_workflow(id, "/cancel"),
                change([&](json_writer& out) { out.string("reason", reason); }));
  }
  result<workflow_summary> resolve(std::string_view id, std::string_view action,
                                   const resolution& decision) override {
    return post(of_workflow(id, "/actions/" + http::percent_encode(action) + "/resolve"),
                change([&](json_writer& out) { put(out, decision); }));
  }
  result<workflow_summary> retry(std::string_view id, std::string_view action,
                                 const std::string& reason) override {
    return post(of_workflow(id, "/retry"), change([&](json_writer& out) {
                  out.string("action", action);
                  out.string("reason", reason);
                }));
  }
  result<workflow_summary> change(std::string_view id, std::string_view action,
                                  const action_change& what) override {
    return post(of_workflow(id, "/actions/" + http::percent_encode(action) + "/change"),
                change([&](json_writer& out) { put(out, what); }));
  }
  result<workflow_summary> signal(std::string_view id, const std::string& name,
                                  const std::string& payload, const std::string& key) override {
    return post(of_workflow(id, "/signals"), change([&](json_writer& out) {
                  out.string("name", name);
                  out.raw("payload", payload);
                  out.string("key", key);
                }));
  }
  result<void> remove(std::string_view id) override {
    const auto path = of_workflow(id);
    if (!path) return path.error();
    return done(client_.change("DELETE", *path, {}));
  }
  result<void> backup(const std::filesystem::path& target) override {
    return done(client_.change("POST", "/v1/backup", model::object_text([&](json_writer& out) {
                                 out.string("dir", target.string());
                               }),
                               client::patience::unlimited));
  }

 private:
  /// Error not_found of an id that none can have: it would not be a segment of a path, either.
  static result<std::string> of_workflow(std::string_view id, std::string_view below = {}) {
    if (auto none = storage::no_such_id(id)) return *std::move(none);
    return "/v1/workflows/" + http::percent_encode(id) + std::string(below);
  }

  template <class Read>
  auto read(const result<std::string>& target, Read how) const -> decltype(how({})) {
    if (!target) return target.error();
    return understood(client_.get(*target), how);
  }
  result<workflow_summary> post(const result<std::string>& target, const std::string& body) {
    if (!target) return target.error();
    return understood(client_.change("POST", *target, body), read_summary);
  }
  template <class Read>
  auto understood(const result<std::string>& answer, Read how) const -> decltype(how({})) {
    if (!answer) return answer.error();
    auto out = how(*answer);
    if (out) return out;
    return error(out.error().code(), client_.name() + ": " + out.error().message());
  }
  static result<void> done(const result<std::string>& answer) {
    if (!answer) return answer.error();
    return {};
  }

  /// With who asks.
  template <class Put>
  std::string change(Put fields) const {
    return model::object_text([&](json_writer& out) {
      fields(out);
      out.optional_string("who", who_);
    });
  }
  static void put(json_writer& out, const action_change& what) {
    if (what.input) out.raw("input", *what.input);
    if (what.policy) model::put_object(out, *what.policy, "policy");
    if (what.policy_as_registered) out.boolean("policy_as_registered", true);
    out.optional_string("reason", what.reason);
  }
  static void put(json_writer& out, const resolution& decision) {
    using kind = resolution::kind;
    out.optional_string("reason", decision.reason);
    switch (decision.what) {
      case kind::retry:
        return out.string("decision", "retry");
      case kind::skip:
        return out.string("decision", "skip");
      case kind::complete:
        out.string("decision", "complete");
        return out.raw("value", decision.value);
      case kind::fail:
        out.string("decision", "fail");
        return out.string("message", decision.value);
    }
  }

  mutable client client_;
  const std::string runs_at_;
  const std::string who_;
};

}  // namespace

result<std::unique_ptr<operable>> open_remote(const endpoint& to, std::string runs_at,
                                              std::string who) {
  constexpr long forbidden = 403;  // the token is for other things: let them be asked
  auto made = client::make(to);
  if (!made) return made.error();
  const auto answer = made->get("/v1/version");
  if (!answer && made->status() != forbidden) return answer.error();
  if (answer) {
    const auto version = read_version(*answer);
    if (!version) return error(errc::unreachable, to.url + ": no tenax server answers there");
    if (version->api != "v1")
      return error(errc::format_too_new, to.url + " is tenax " + version->version +
                                             " with the API " + version->api +
                                             "; this program speaks v1");
  }
  return std::unique_ptr<operable>(
      std::make_unique<remote>(std::move(*made), std::move(runs_at), std::move(who)));
}

}  // namespace tenax::node
