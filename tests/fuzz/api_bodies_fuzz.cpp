// Any bytes as a body or a query of the API: reading never crashes, what is let through keeps its
// bounds, and no fault repeats what a body says.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "node/api/bodies.hpp"

namespace {

using namespace tenax;
using namespace tenax::api;

constexpr limits bounds;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const std::optional<error>& wrong) {
  if (!wrong) return;
  require(!wrong->message().empty());
  for (const auto& f : wrong->faults()) {
    require(!f.message.empty());
  }
}

bool is_json(const std::string& text) {
  return !body_reader("[" + text + "]", bounds, true).fault();
}

void check(const cancel_body&) {}
void check(const retry_body&) {}
void check(const signal_body& b) { require(!b.name.empty() && is_json(b.payload)); }
void check(const resolve_body& b) {
  if (b.decision.what == resolution::kind::complete) require(is_json(b.decision.value));
}
void check(const change_body& b) { require(!b.what.input || is_json(*b.what.input)); }
void check(const end_body& b) { require(!b.token.empty()); }
void check(const heartbeat_body& b) { require(!b.token.empty()); }
void check(const poll_body& b) {
  require(!b.what.worker.empty() && !b.what.types.empty());
  require(b.what.types.size() <= worker_poll::types_max);
  require(b.what.max >= 1 && b.what.max <= worker_poll::tasks_max);
  require(b.what.wait.count() >= 0 && b.what.wait <= milliseconds(60'000));
}
void check(const backup_body& b) { require(b.dir.starts_with('/')); }

template <class Body>
void read_as(std::string_view text, Body (*read)(fields&)) {
  body_reader body(text, bounds, true);
  Body out{};
  if (body.is_open()) {
    fields f(body.doc, model::json_tree::root, {});
    out = read(f);
  }
  const auto wrong = body.fault();
  check(wrong);
  if (!wrong) check(out);
}

void read_query(std::string_view text) {
  query_reader query(text);
  const auto number = query.number("limit", 1, 1'000);
  require(!number || (*number >= 1 && *number <= 1'000) || query.fault());
  (void)query.text("cursor");
  (void)query.flag("summary");
  (void)query.time("since");
  check(query.fault());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 10) {
    case 0:
      read_as(text, read_cancel);
      break;
    case 1:
      read_as(text, read_retry);
      break;
    case 2:
      read_as(text, read_signal);
      break;
    case 3:
      read_as(text, read_resolve);
      break;
    case 4:
      read_as(text, read_end);
      break;
    case 5:
      read_as(text, read_heartbeat);
      break;
    case 6:
      read_as(text, read_poll);
      break;
    case 7:
      read_as(text, read_backup);
      break;
    case 9:
      read_as(text, read_change);
      break;
    default:
      read_query(text);
  }
  return 0;
}
