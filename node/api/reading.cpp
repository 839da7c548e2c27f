#include "node/api/reading.hpp"

#include <algorithm>
#include <charconv>

#include "http/uri.hpp"
#include "model/documents/timestamp.hpp"

namespace tenax::api {

using model::doc_path;
using model::json_at;
using model::json_kind;
using model::json_tree;

// --- queries -----------------------------------------------------------------------------------

query_reader::query_reader(std::string_view query) {
  if (!query.empty()) given_ = http::parse_query(query);
}

std::optional<std::string> query_reader::text(std::string_view name) {
  known_.emplace(name);
  std::optional<std::string> value;
  for (const auto& [given, text] : given_) {
    if (given != name) continue;
    if (value) fault_at(name, "is given twice");
    value = text;
  }
  return value;
}

std::optional<std::uint64_t> query_reader::number(std::string_view name, std::uint64_t least,
                                                  std::uint64_t most) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  std::uint64_t n = 0;
  const auto* const end = given->data() + given->size();
  const auto read = std::from_chars(given->data(), end, n);
  if (read.ec == std::errc{} && read.ptr == end && n >= least && n <= most) return n;
  fault_at(name,
           "must be a whole number in " + std::to_string(least) + ".." + std::to_string(most));
  return std::nullopt;
}

bool query_reader::flag(std::string_view name) {
  const auto given = text(name);
  if (!given || *given == "false") return false;
  if (!given->empty() && *given != "true") fault_at(name, "must be true or false");
  return true;
}

std::optional<wall_time> query_reader::time(std::string_view name) {
  return word(name, "a time as 2026-03-01T12:00:00Z", model::parse_timestamp);
}

void query_reader::fault_at(std::string_view name, const std::string& message) {
  faults_.push_back({"", "query parameter " + std::string(name) + " " + message});
}

std::optional<error> query_reader::fault() {
  for (const auto& [name, _] : given_) {
    if (!known_.contains(name))
      faults_.push_back({"", "there is no query parameter of this name: " + model::shown(name)});
  }
  if (faults_.empty()) return std::nullopt;
  auto first = faults_.front().message;
  return error(errc::invalid_argument, std::move(first), std::move(faults_));
}

// --- bodies ------------------------------------------------------------------------------------

body_reader::body_reader(std::string_view body, const limits& bounds, bool may_be_array) {
  auto any_size = bounds;  // http/ has looked at that
  any_size.spec_bytes_max = limits::spec_bytes_most;
  const std::size_t around = may_be_array ? 2 : 1;
  is_open_ = doc.open(body.empty() ? "{}" : body, any_size, around);
}

std::optional<error> body_reader::fault() {
  if (doc.faults.empty()) return std::nullopt;
  auto faults = doc.faults.take();
  doc.faults = {};
  for (auto& f : faults) {
    if (const auto at = f.message.find("; last read"); at != std::string::npos)
      f.message.resize(at);
  }
  const auto what =
      (faults.front().path.empty() ? "" : faults.front().path + ": ") + faults.front().message;
  return error(errc::invalid_argument, "the body is faulty: " + what, std::move(faults));
}

fields::~fields() {
  if (!is_object_) return;
  doc_.tree.for_each_child(object_, [this](json_at child) {
    const auto name = doc_.tree.key(child);
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      doc_.fault_at({path_, name}, "there is no field of this name");
  });
}

std::optional<json_at> fields::find(std::string_view name) {
  known_.emplace_back(name);
  if (!is_object_) return std::nullopt;
  return doc_.tree.member(object_, name);
}

std::optional<json_at> fields::find(std::string_view name, json_kind kind) {
  const auto at = find(name);
  if (!at || doc_.tree.is(*at, json_kind::null)) return std::nullopt;
  if (!doc_.expect(*at, kind, {path_, name})) return std::nullopt;
  return at;
}

std::optional<std::string> fields::text(std::string_view name) {
  const auto at = find(name, json_kind::string);
  if (!at) return std::nullopt;
  return std::string(doc_.tree.text(*at));
}

std::string fields::required_text(std::string_view name) {
  auto given = text(name);
  require(name, given.has_value());
  return given.value_or("");
}

std::optional<milliseconds> fields::duration(std::string_view name) {
  const auto at = find(name, json_kind::number);
  if (!at) return std::nullopt;
  const auto n = doc_.tree.integer(*at);
  if (n && *n >= 0 && *n <= limits{}.delay_max.count()) return milliseconds(*n);
  fault_at(name, "must be a whole number of milliseconds, at most ten years");
  return std::nullopt;
}

std::optional<std::uint64_t> fields::number(std::string_view name, std::uint64_t least,
                                            std::uint64_t most) {
  const auto at = find(name, json_kind::number);
  if (!at) return std::nullopt;
  const auto n = doc_.tree.integer(*at);
  if (n && *n >= 0 && static_cast<std::uint64_t>(*n) >= least &&
      static_cast<std::uint64_t>(*n) <= most) {
    return static_cast<std::uint64_t>(*n);
  }
  fault_at(name,
           "must be a whole number in " + std::to_string(least) + ".." + std::to_string(most));
  return std::nullopt;
}

std::vector<std::string> fields::texts(std::string_view name) {
  std::vector<std::string> out;
  const auto at = find(name, json_kind::array);
  if (!at) return out;
  std::size_t i = 0;
  const doc_path here(path_, name);
  doc_.tree.for_each_child(*at, [&](json_at child) {
    if (doc_.expect(child, json_kind::string, {here, i++})) {
      out.emplace_back(doc_.tree.text(child));
    }
  });
  return out;
}

bool fields::flag(std::string_view name) {
  const auto at = find(name, json_kind::boolean);
  return at && doc_.tree.text(*at) == "true";
}

std::optional<wall_time> fields::time(std::string_view name) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  auto at = model::parse_timestamp(*given);
  if (!at) fault_at(name, "must be a time as 2026-03-01T12:00:00Z");
  return at;
}

std::optional<std::string> fields::json(std::string_view name) {
  const auto at = find(name);
  if (!at) return std::nullopt;
  std::string out;
  (void)model::append_json(out, doc_.tree, *at);
  return out;
}

void fields::fault_at(std::string_view name, std::string message) {
  doc_.fault_at({path_, name}, std::move(message));
}

/// A field that is there and is of another kind has its fault already.
void fields::require(std::string_view name, bool is_there) {
  if (is_there || !is_object_) return;
  const auto at = doc_.tree.member(object_, name);
  if (!at || doc_.tree.is(*at, json_kind::null)) fault_at(name, "is missing");
}

}  // namespace tenax::api
