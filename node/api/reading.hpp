// reading.hpp - what a client has said: queries and JSON bodies, with every fault of theirs.
// Depends on include/tenax, http and model/documents only. One thread each.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/documents/doc_reader.hpp"
#include "tenax/engine.hpp"

namespace tenax::api {

/// The parameters of a query. One that nobody has asked for when `fault` is called is a fault.
class query_reader {
 public:
  explicit query_reader(std::string_view query);

  [[nodiscard]] std::optional<std::string> text(std::string_view name);
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name, std::uint64_t least,
                                                    std::uint64_t most);
  /// "?name" and "?name=true" are true.
  [[nodiscard]] bool flag(std::string_view name);
  [[nodiscard]] std::optional<wall_time> time(std::string_view name);
  /// One of some words, which `parse` knows.
  template <class Parse>
  auto word(std::string_view name, std::string_view words, Parse parse)
      -> decltype(parse(std::string_view())) {
    const auto given = text(name);
    if (!given) return std::nullopt;
    auto found = parse(std::string_view(*given));
    if (!found) fault_at(name, "must be " + std::string(words));
    return found;
  }
  void fault_at(std::string_view name, const std::string& message);
  /// Of what belongs to the query and is not in it.
  void fault(std::string message) { faults_.push_back({"", std::move(message)}); }
  [[nodiscard]] std::optional<error> fault();

 private:
  std::vector<std::pair<std::string, std::string>> given_;
  std::set<std::string, std::less<>> known_;
  std::vector<tenax::fault> faults_;
};

/// A JSON body. No message holds a piece of it: it may have secrets.
class body_reader {
 public:
  /// Whether it is an object is for `fields` to look at. "" is an empty one.
  body_reader(std::string_view body, const limits& bounds, bool may_be_array = false);

  [[nodiscard]] bool is_open() const noexcept { return is_open_; }
  [[nodiscard]] bool is_array() const {
    return is_open_ && doc.tree.is(model::json_tree::root, model::json_kind::array);
  }
  [[nodiscard]] bool has_faults() const noexcept { return !doc.faults.empty(); }
  /// All faults since the last call.
  [[nodiscard]] std::optional<error> fault();

  model::doc_reader doc{};

 private:
  bool is_open_ = false;
};

/// The members of one object. One that nobody has asked for when it goes is a fault.
class fields {
 public:
  fields(model::doc_reader& doc, model::json_at object, const model::doc_path& path)
      : doc_(doc),
        object_(object),
        path_(path),
        is_object_(doc.expect(object, model::json_kind::object, path)) {}
  ~fields();
  fields(const fields&) = delete;
  fields& operator=(const fields&) = delete;

  [[nodiscard]] std::optional<std::string> text(std::string_view name);
  /// "" and a fault if it is not there.
  [[nodiscard]] std::string required_text(std::string_view name);
  /// Whole and not negative, to limits::delay_max.
  [[nodiscard]] std::optional<milliseconds> duration(std::string_view name);
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name, std::uint64_t least,
                                                    std::uint64_t most);
  /// An array of texts; empty if it is not there.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name);
  [[nodiscard]] bool flag(std::string_view name);
  [[nodiscard]] std::optional<wall_time> time(std::string_view name);
  /// Any JSON, without its spaces.
  [[nodiscard]] std::optional<std::string> json(std::string_view name);
  /// What `read` makes of the fields of an object.
  template <class Read>
  [[nodiscard]] auto object(std::string_view name, Read read)
      -> std::optional<decltype(read(*this))> {
    const auto at = find(name, model::json_kind::object);
    if (!at) return std::nullopt;
    fields inner(doc_, *at, {path_, name});
    return read(inner);
  }
  void fault_at(std::string_view name, std::string message);
  void require(std::string_view name, bool is_there);

 private:
  std::optional<model::json_at> find(std::string_view name);
  std::optional<model::json_at> find(std::string_view name, model::json_kind kind);

  model::doc_reader& doc_;
  const model::json_at object_;
  const model::doc_path path_;
  const bool is_object_;
  std::vector<std::string> known_;
};

}  // namespace tenax::api
